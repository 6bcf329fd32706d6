//! How many connections are open: of a listener, and of each client of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The open connections of one listener, on all workers together.
#[derive(Debug, Default)]
pub struct Connections {
    open: AtomicU32,
    /// The map is looked at when a connection opens or closes, never for a request.
    clients: Mutex<HashMap<IpAddr, u32>>,
}

impl Connections {
    /// How many are open.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.open.load(Ordering::Relaxed)
    }

    /// Counts one more, unless this client has as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, client: IpAddr, per_client: u32) -> Option<Held> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let count = clients.entry(client).or_insert(0);
        if *count >= per_client {
            return None;
        }
        *count += 1;
        self.open.fetch_add(1, Ordering::Relaxed);
        Some(Held { connections: Arc::clone(self), client })
    }
}

/// One counted connection.
#[derive(Debug)]
pub(crate) struct Held {
    connections: Arc<Connections>,
    client: IpAddr,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
        let mut clients = self.connections.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = clients.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.client);
            }
        }
    }
}
