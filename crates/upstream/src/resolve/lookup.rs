//! One lookup of one name: the hosts file, then the DNS.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::sync::{Semaphore, watch};

use super::answer::{Answer, Found};
use super::hosts::{Hosts, Stamp};
use super::servers::{Client, Servers};
use super::service::{RECORDS_MAX, Record, Records};

/// Lookups under way at one time; more wait.
const AT_ONCE_MAX: usize = 32;

/// How long what stands in the hosts file is good: then it is seen whether the file has changed.
const HOSTS_TTL: Duration = Duration::from_secs(2);

/// What the system's configuration of servers is read from.
const SYSTEM_SERVERS: &str = "/etc/resolv.conf";

/// Where answers come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Who is asked at first; see [`Names::ask`](super::Names::ask).
    pub servers: Servers,
    /// The hosts file, which goes before all servers. Read again when it has changed.
    pub hosts: PathBuf,
    /// How long a server may take, all tries included, until a lookup has failed.
    pub timeout: Duration,
}

impl Default for Source {
    /// What the system is configured to use.
    fn default() -> Self {
        Self {
            servers: Servers::System,
            hosts: PathBuf::from("/etc/hosts"),
            timeout: Duration::from_secs(6),
        }
    }
}

/// Looks names up.
#[derive(Debug)]
pub(super) struct Lookup {
    source: Source,
    /// Who is asked, which may change.
    pub(super) servers: watch::Receiver<Servers>,
    permits: Semaphore,
    hosts: Mutex<(Stamp, Hosts)>,
    client: Mutex<Option<(Servers, Stamp, Client)>>,
}

impl Lookup {
    pub(super) fn new(source: Source, servers: watch::Receiver<Servers>) -> Self {
        Self {
            source,
            servers,
            permits: Semaphore::new(AT_ONCE_MAX),
            hosts: Mutex::default(),
            client: Mutex::default(),
        }
    }

    /// Looks one name up. Always ends, in the source's timeout for each name that is tried.
    pub(super) async fn ask(&self, host: &str) -> Answer {
        if let Some(answer) = self.ask_hosts(host) {
            return answer;
        }
        let Ok(_permit) = self.permits.acquire().await else {
            return Answer::failed("the resolver was stopped".to_owned());
        };
        let (client, names) = match self.client().and_then(|client| {
            let names = full_names(host, &client.search, client.dots)?;
            Ok((client, names))
        }) {
            Ok(found) => found,
            Err(error) => return Answer::failed(explain(&error)),
        };
        let mut nothing = Answer { v4: Found::Nothing(""), v6: Found::Nothing("") };
        for name in names {
            let (v4, v6) = tokio::join!(
                self.ask_server(&client, &name, RecordType::A),
                self.ask_server(&client, &name, RecordType::AAAA),
            );
            let answer = Answer { v4, v6 };
            if answer.has_addresses() {
                return answer;
            }
            nothing = nothing.then(answer);
        }
        nothing
    }

    /// Looks the places of a service up, and the addresses of their hosts.
    ///
    /// # Errors
    /// There are none, or it could not be found out; says why.
    pub(super) async fn ask_service(
        &self,
        service: &str,
        known: &[Record],
    ) -> Result<Records, String> {
        let (mut records, mut ttl) = self.ask_places(service).await?;
        let mut hosts: Vec<Arc<str>> = records.iter().map(|one| Arc::clone(&one.host)).collect();
        hosts.sort_unstable();
        hosts.dedup();
        let mut error = None;
        for host in hosts {
            let before = known.iter().find(|record| record.host == host);
            let before = before.map(|record| &*record.addresses).unwrap_or_default();
            // It is a full name: no search domain is to be tried.
            let answer = self.ask(&format!("{host}.")).await;
            let merged = match answer.merge(before) {
                Ok(merged) => merged,
                Err(why) => {
                    error = Some(format!("{host}: {why}"));
                    continue;
                }
            };
            ttl = ttl.min(merged.ttl);
            error = error.or(merged.error);
            for record in records.iter_mut().filter(|record| record.host == host) {
                record.addresses.clone_from(&merged.addresses);
            }
        }
        Ok(Records { records, ttl, error })
    }

    async fn ask_places(&self, service: &str) -> Result<(Vec<Record>, Duration), String> {
        let stopped = |_| "the resolver was stopped".to_owned();
        let _permit = self.permits.acquire().await.map_err(stopped)?;
        let client = self.client().map_err(|error| explain(&error))?;
        let names = full_names(service, &client.search, client.dots);
        let mut nothing = Err("no such service".to_owned());
        for name in names.map_err(|error| explain(&error))? {
            let lookup = client.lookup(&name, RecordType::SRV);
            let lookup = match tokio::time::timeout(self.source.timeout, lookup).await {
                Ok(Ok(lookup)) => lookup,
                Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => continue,
                Ok(Err(error)) => {
                    nothing = Err(explain(&error));
                    continue;
                }
                Err(_) => {
                    nothing = Err(explain(&NetError::Timeout));
                    continue;
                }
            };
            let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
            let places = lookup.answers().iter().filter_map(|record| match &record.data {
                RData::SRV(place) => Some(place),
                _ => None,
            });
            // The root says that the service is decidedly not to be had.
            let places = places.filter(|place| !place.target.is_root() && place.port > 0);
            let mut records: Vec<Record> = places.map(read_place).collect();
            records.sort_unstable();
            records.truncate(RECORDS_MAX);
            if records.is_empty() {
                return Err("the service is not to be had".to_owned());
            }
            return Ok((records, Duration::from_secs(u64::from(ttl))));
        }
        nothing
    }

    fn ask_hosts(&self, host: &str) -> Option<Answer> {
        let stamp = Stamp::of(&self.source.hosts);
        let mut known = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != stamp {
            let text = std::fs::read(&self.source.hosts).unwrap_or_default();
            *known = (stamp, Hosts::parse(&String::from_utf8_lossy(&text)));
        }
        let addresses = known.1.find(host)?;
        let family = |is_family: fn(&IpAddr) -> bool| {
            Found::usable(addresses.iter().copied().filter(is_family), HOSTS_TTL)
        };
        Some(Answer { v4: family(IpAddr::is_ipv4), v6: family(IpAddr::is_ipv6) })
    }

    async fn ask_server(&self, client: &Client, name: &Name, family: RecordType) -> Found {
        let lookup = client.lookup(name, family);
        match tokio::time::timeout(self.source.timeout, lookup).await {
            Ok(Ok(lookup)) => {
                // Names on the way (CNAME) have a time to live too.
                let ttl = lookup.answers().iter().map(|record| record.ttl).min().unwrap_or(0);
                let addresses = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
                Found::usable(addresses, Duration::from_secs(u64::from(ttl)))
            }
            Ok(Err(NetError::Dns(DnsError::NoRecordsFound(none)))) => {
                Found::Nothing(match none.response_code {
                    ResponseCode::NXDomain => "no such name",
                    _ => "the name has no addresses",
                })
            }
            Ok(Err(error)) => Found::Failed(format!("{family}: {}", explain(&error))),
            Err(_) => Found::Failed(format!("{family}: {}", explain(&NetError::Timeout))),
        }
    }

    /// The client, made anew when others are asked, or the file they come from has changed.
    fn client(&self) -> Result<Client, NetError> {
        let servers = self.servers.borrow().clone();
        let stamp = match servers {
            Servers::System => Stamp::of(Path::new(SYSTEM_SERVERS)),
            Servers::At(_) => Stamp::default(),
        };
        let mut known = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, made_of, client)) = known.as_ref()
            && (made_for, made_of) == (&servers, &stamp)
        {
            return Ok(client.clone());
        }
        let client = Client::new(&servers, self.source.timeout)?;
        *known = Some((servers, stamp, client.clone()));
        Ok(client)
    }
}

/// The full names that `host` may mean, in the order in which they are tried. `dots` is how many
/// dots a name has if it is tried as it stands before it is tried in the domains of `search`.
///
/// # Errors
/// It cannot be a name.
pub(super) fn full_names(host: &str, search: &[Name], dots: usize) -> Result<Vec<Name>, NetError> {
    let name = Name::from_str_relaxed(host)?;
    let mut full = name.clone();
    full.set_fqdn(true);
    if name.is_fqdn() {
        return Ok(vec![full]);
    }
    // A name that becomes too long with a domain cannot exist there.
    let in_domains = search.iter().filter_map(|domain| name.clone().append_domain(domain).ok());
    let mut names: Vec<Name> = in_domains.collect();
    let has_dots = host.matches('.').count() >= dots;
    names.insert(if has_dots { 0 } else { names.len() }, full);
    Ok(names)
}

fn read_place(place: &SRV) -> Record {
    let host = place.target.to_ascii().to_ascii_lowercase();
    Record {
        priority: place.priority,
        host: host.trim_end_matches('.').into(),
        port: place.port,
        weight: place.weight,
        addresses: Vec::new(),
    }
}

fn explain(error: &NetError) -> String {
    match error {
        NetError::Timeout => "no answer in time".to_owned(),
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the server said {code}"),
        other => other.to_string(),
    }
}
