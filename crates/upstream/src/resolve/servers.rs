//! The servers of the DNS: the first one is asked, the next one as well when that is slow or has failed.
//! Whoever answers first is believed; an answer to an earlier question is one too.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{TokioResolver, system_conf};
use tokio::task::JoinSet;

/// How often each server is asked before a lookup has failed.
const TRIES: usize = 3;
/// Servers that are asked; the rest stays unused.
pub const SERVERS_MAX: usize = 3;
/// The wait for one server before the next one is asked as well.
const NEXT_AFTER: Duration = Duration::from_millis(500);
/// The wait for all of them before one that said nothing is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The DNS servers to ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Servers {
    /// Those that the system is configured with, with its search domains. Read again when
    /// `/etc/resolv.conf` has changed.
    #[default]
    System,
    /// These, by UDP and TCP, without search domains.
    At(Vec<SocketAddr>),
}

/// Who asks the servers.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// One for each question that may be under way: each server once, then all of them again.
    askers: Arc<[TokioResolver]>,
    servers: usize,
    pub(super) search: Arc<[Name]>,
    /// Dots in a name from which on it is tried before the search domains.
    pub(super) dots: usize,
}

impl Client {
    /// Makes one for these servers, each of which is waited for no longer than this.
    pub(super) fn new(servers: &Servers, timeout: Duration) -> Result<Self, NetError> {
        let (config, options) = match servers {
            Servers::System => system_conf::read_system_conf()?,
            Servers::At(addresses) => {
                let servers = addresses.iter().map(server).collect();
                (ResolverConfig::from_name_servers(servers), ResolverOpts::default())
            }
        };
        Self::configured(&config, options, timeout)
    }

    fn configured(
        config: &ResolverConfig,
        mut options: ResolverOpts,
        timeout: Duration,
    ) -> Result<Self, NetError> {
        options.timeout = timeout;
        // It sends a question that gets no answer once more by itself, and hears late answers too.
        options.attempts = 0;
        // Time to live and the hosts file are minded by others, where both can be seen to change.
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let dots = options.ndots;
        let search = match config.search() {
            [] => config.domain().cloned().into_iter().collect(),
            search => search.into(),
        };
        let servers = config.name_servers();
        let servers = servers.get(..SERVERS_MAX).unwrap_or(servers);
        let asker = |server: &NameServerConfig| {
            let config = ResolverConfig::from_name_servers(vec![server.clone()]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options.clone())
                .build()
        };
        let askers = (0..TRIES).flat_map(|_| servers).map(asker).collect::<Result<_, _>>()?;
        Ok(Self { askers, servers: servers.len(), search, dots })
    }

    /// Asks until a server knows, or knows that there is nothing, or all have failed. Has no bound in
    /// time of its own.
    pub(super) async fn lookup(&self, name: &Name, kind: RecordType) -> Result<Lookup, NetError> {
        let mut asked = JoinSet::new();
        let mut askers = self.askers.iter();
        let mut failed = 0;
        let mut failure = NetError::NoConnections;
        let mut ask = |asked: &mut JoinSet<_>| {
            let Some(dns) = askers.next().cloned() else { return };
            let name = name.clone();
            asked.spawn(async move { dns.lookup(name, kind).await });
        };
        let mut asks = 0;
        loop {
            if asks < self.servers.min(failed + 1) {
                // Nobody is left who might answer, or nobody was asked yet.
                ask(&mut asked);
                asks += 1;
                continue;
            }
            let wait = if asks < self.servers { NEXT_AFTER } else { AGAIN_AFTER };
            tokio::select! {
                ended = asked.join_next() => match ended {
                    None => return Err(failure),
                    Some(Ok(Err(error))) if !is_definite(&error) => {
                        failed += 1;
                        failure = error;
                    }
                    Some(Ok(answer)) => return answer,
                    Some(Err(_broken)) => failed += 1,
                },
                () = tokio::time::sleep(wait), if asks < self.askers.len() => {
                    ask(&mut asked);
                    asks += 1;
                }
            }
        }
    }
}

/// Whether a server knows that there is nothing.
fn is_definite(error: &NetError) -> bool {
    matches!(error, NetError::Dns(DnsError::NoRecordsFound(_)))
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}
