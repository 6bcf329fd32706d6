//! The worker threads, and the orders that they take.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{Receiver, Sender, channel};
use yumen_engine::{Engine, Onlookers, Present};
use yumen_listen::{Connections, Datagrams, Door, Gate};
use yumen_observe::{Exporter, LogBuffer, LogWriter, Memories, Registry, Taps};
use yumen_upstream::Outbound;
use yumen_upstream::health::Standings;
use yumen_upstream::resolve::Names;
use yumen_worker::Worker;

/// Orders that wait for a worker.
const ORDERS_MAX: usize = 256;
/// How often a worker tidies up.
const TIDY: Duration = Duration::from_millis(500);
/// How often a worker that drains looks whether the last connection has closed.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

/// An order to a worker.
#[derive(Debug)]
pub(crate) enum Order {
    /// Listen here as well.
    Open { door: Arc<Door>, connections: Arc<Connections>, sockets: Vec<TcpListener> },
    /// Serve HTTP/3 on these sockets as well, beside the listener of this name.
    Datagrams { name: Arc<str>, sockets: Vec<Datagrams> },
    /// Other settings for the listener of this name.
    Change(Arc<Door>),
    /// No more of the listener of this name.
    Close(Arc<str>),
    /// From now on every answer is the last one of its connection.
    Leave,
    /// Close all listeners, and end when the last connection has closed.
    Drain,
    /// Say goodbye in all tunnels, and end behind the last of them.
    Cut,
}

/// All workers.
#[derive(Debug)]
pub(crate) struct Workers {
    orders: Vec<Sender<Order>>,
    threads: Vec<JoinHandle<()>>,
    /// How often each has turned.
    turns: Vec<Arc<AtomicU64>>,
}

/// What every worker is given.
#[derive(Debug, Clone)]
pub(crate) struct Equipment {
    pub(crate) present: Arc<Present>,
    pub(crate) names: Names,
    pub(crate) standings: Standings,
    pub(crate) registry: Arc<Registry>,
    /// Where spans go.
    pub(crate) exporter: Arc<Exporter>,
    /// Those who listen to the access log live.
    pub(crate) taps: Arc<Taps>,
    /// What is remembered of single exchanges.
    pub(crate) memories: Arc<Memories>,
}

impl Workers {
    /// Starts so many.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(count: usize, equipment: &Equipment, log: &LogWriter) -> io::Result<Self> {
        let mut workers = Self { orders: Vec::new(), threads: Vec::new(), turns: Vec::new() };
        for index in 0..count {
            let (sender, orders) = channel(ORDERS_MAX);
            let (taps, memory) = (Arc::clone(&equipment.taps), equipment.memories.worker());
            let exporter = Arc::clone(&equipment.exporter);
            let onlookers = Onlookers { taps, memory, workers: count, exporter };
            let (equipment, log) = (equipment.clone(), (log.buffer(), onlookers));
            let turns = Arc::new(AtomicU64::new(0));
            workers.orders.push(sender);
            workers.turns.push(Arc::clone(&turns));
            let work = move |worker| work(worker, equipment, log, Orders { orders, turns });
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

    /// How often each has turned; nothing of one that has ended.
    pub(crate) fn turns(&self) -> Vec<Option<u64>> {
        let turns = self.turns.iter().zip(&self.threads);
        let turns = turns
            .map(|(turns, thread)| (!thread.is_finished()).then(|| turns.load(Ordering::Relaxed)));
        turns.collect()
    }

    /// Whether all have ended.
    pub(crate) fn have_ended(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }
}

/// What ties a worker to the control thread.
struct Orders {
    orders: Receiver<Order>,
    turns: Arc<AtomicU64>,
}

async fn work(
    worker: Worker,
    equipment: Equipment,
    (log, onlookers): (LogBuffer, Onlookers),
    orders: Orders,
) {
    let Orders { mut orders, turns } = orders;
    let Equipment { present, names, standings, registry, .. } = equipment;
    let outbound = Outbound::new(worker.clone(), names, standings);
    let engine = Rc::new(Engine::new(present, outbound, registry.worker(), log, onlookers));
    let mut gates = Gates::new(Rc::clone(&engine), worker);
    let mut tidy = tokio::time::interval(TIDY);
    while !gates.have_ended() {
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => gates.take(order),
                None => return,
            },
            _ = tidy.tick() => {
                turns.fetch_add(1, Ordering::Relaxed);
                engine.tidy();
            }
            // Only a worker that drains waits for its last connection.
            () = tokio::time::sleep(DRAIN_LOOK), if gates.draining => {}
        }
    }
    engine.tidy();
}

/// The listeners of one worker.
struct Gates {
    engine: Rc<Engine>,
    worker: Worker,
    open: HashMap<Arc<str>, Rc<Gate<Engine>>>,
    /// Those that accept nothing more, until their last connection has closed.
    closing: Vec<Rc<Gate<Engine>>>,
    draining: bool,
    cutting: bool,
}

impl Gates {
    fn new(engine: Rc<Engine>, worker: Worker) -> Self {
        Self {
            engine,
            worker,
            open: HashMap::new(),
            closing: Vec::new(),
            draining: false,
            cutting: false,
        }
    }

    /// Carries an order out.
    fn take(&mut self, order: Order) {
        match order {
            Order::Open { door, connections, sockets } => {
                let (engine, worker) = (Rc::clone(&self.engine), self.worker.clone());
                let name = Arc::clone(&door.name);
                if let Ok(gate) = Gate::open(engine, worker, door, connections, sockets) {
                    let replaced = self.open.insert(name, gate);
                    self.close(replaced);
                }
            }
            Order::Datagrams { name, sockets } => {
                if let Some(gate) = self.open.get(&name) {
                    // Without them clients come by TCP, as they do where UDP does not pass.
                    let _opened = gate.open_datagrams(sockets);
                }
            }
            Order::Change(door) => {
                if let Some(gate) = self.open.get(&door.name) {
                    gate.change(door);
                }
            }
            Order::Close(name) => {
                let gone = self.open.remove(&name);
                self.close(gone);
            }
            Order::Leave => self.open.values().for_each(|gate| gate.leave()),
            Order::Drain => {
                let all: Vec<_> = self.open.drain().map(|(_, gate)| gate).collect();
                self.close(all);
                self.draining = true;
            }
            Order::Cut => {
                self.closing.iter().for_each(|gate| gate.cut());
                self.cutting = true;
            }
        }
    }

    fn close(&mut self, gates: impl IntoIterator<Item = Rc<Gate<Engine>>>) {
        for gate in gates {
            gate.close();
            self.closing.push(gate);
        }
    }

    /// Whether nothing is left to drain.
    fn have_ended(&mut self) -> bool {
        self.closing.retain(|gate| !gate.has_ended());
        let has_tunnels = self.closing.iter().any(|gate| gate.has_tunnels());
        self.draining && (self.closing.is_empty() || self.cutting && !has_tunnels)
    }
}
