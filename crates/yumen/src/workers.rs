//! The worker threads, and the orders that they take.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use yumen_engine::{Engine, Present};
use yumen_listen::{Connections, Door, Gate};
use yumen_observe::{LogBuffer, LogWriter, Registry};
use yumen_upstream::Outbound;
use yumen_upstream::resolve::Names;
use yumen_worker::Worker;

/// Orders that wait for a worker.
const ORDERS_MAX: usize = 256;
/// How often a worker tidies up.
const TIDY: Duration = Duration::from_millis(500);

/// An order to a worker.
#[derive(Debug)]
pub(crate) enum Order {
    /// Listen here as well.
    Open { door: Arc<Door>, connections: Arc<Connections>, socket: TcpListener },
    /// Other settings for the listener of this name.
    Change(Arc<Door>),
    /// No more of the listener of this name.
    Close(Arc<str>),
    /// Close all listeners, and end when the last connection has closed.
    Drain,
}

/// All workers.
#[derive(Debug)]
pub(crate) struct Workers {
    orders: Vec<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
}

/// What every worker is given.
#[derive(Debug, Clone)]
pub(crate) struct Equipment {
    pub(crate) present: Arc<Present>,
    pub(crate) names: Names,
    pub(crate) registry: Arc<Registry>,
}

impl Workers {
    /// Starts so many.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(count: usize, equipment: &Equipment, log: &LogWriter) -> io::Result<Self> {
        let mut workers = Self { orders: Vec::new(), threads: Vec::new() };
        for index in 0..count {
            let (sender, orders) = channel(ORDERS_MAX);
            let (equipment, log) = (equipment.clone(), log.buffer());
            workers.orders.push(sender);
            let work = move |worker| work(worker, equipment, log, orders);
            workers.threads.push(Worker::start(&format!("worker-{index}"), index, work)?);
        }
        Ok(workers)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.orders.len()
    }

    /// Gives each worker its order.
    pub(crate) fn order(&self, mut order: impl FnMut(usize) -> Option<Order>) {
        for (index, sender) in self.orders.iter().enumerate() {
            if let Some(order) = order(index) {
                // A worker that is gone takes no orders; its thread's end is noticed elsewhere.
                drop(sender.blocking_send(order));
            }
        }
    }

    /// Whether all have ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

async fn work(worker: Worker, equipment: Equipment, log: LogBuffer, mut orders: Receiver<Order>) {
    let Equipment { present, names, registry } = equipment;
    let outbound = Outbound::new(worker.clone(), names);
    let engine = Rc::new(Engine::new(present, outbound, registry.worker(), log));
    let mut gates: HashMap<Arc<str>, Rc<Gate<Engine>>> = HashMap::new();
    let mut closing: Vec<Rc<Gate<Engine>>> = Vec::new();
    let mut draining = false;
    let mut tidy = tokio::time::interval(TIDY);
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Open { door, connections, socket }) => {
                    let name = Arc::clone(&door.name);
                    if let Ok(gate) = Gate::open(Rc::clone(&engine), worker.clone(), door, connections, socket) {
                        closing.extend(gates.insert(name, gate));
                    }
                }
                Some(Order::Change(door)) => if let Some(gate) = gates.get(&door.name) {
                    gate.change(door);
                },
                Some(Order::Close(name)) => closing.extend(gates.remove(&name)),
                Some(Order::Drain) | None => {
                    closing.extend(gates.drain().map(|(_, gate)| gate));
                    draining = true;
                }
            },
            _ = tidy.tick() => engine.tidy(),
        }
        closing.iter().for_each(|gate| gate.close());
        closing.retain(|gate| gate.open_connections() > 0);
        if draining && closing.is_empty() {
            engine.tidy();
            return;
        }
    }
}
