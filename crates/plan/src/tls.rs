//! The TLS of a listener, from the nouns of the model to settings that are ready.

use yumen_model::report::Report;
use yumen_model::{ListenerTls, TlsVersion};
use yumen_tls::{Oldest, Pair, Server, ServerText};

/// The protocols that listeners speak inside TLS, the best first.
const PROTOCOLS: &[&[u8]] = &[b"http/1.1"];

/// Compiles the TLS of a listener; problems go into the report with paths below `at`.
pub(crate) fn compile(tls: &ListenerTls, at: &str, report: &mut Report) -> Option<Server> {
    let pairs = tls.certificates.iter();
    let text = ServerText {
        certificates: pairs
            .map(|one| Pair { certificate: one.certificate.text(), key: one.key.text() })
            .collect(),
        oldest: oldest(tls.min_version),
        protocols: PROTOCOLS.to_vec(),
    };
    match Server::compile(&text) {
        Ok(server) => Some(server),
        Err(problems) => {
            for problem in problems {
                report.error(format!("{at}.{}", problem.at), problem.message).hint(problem.hint);
            }
            None
        }
    }
}

fn oldest(version: TlsVersion) -> Oldest {
    match version {
        TlsVersion::Tls12 => Oldest::Tls12,
        TlsVersion::Tls13 => Oldest::Tls13,
    }
}
