//! The TLS of a listener, from the nouns of the model to settings that are ready.

use yumen_model::report::Report;
use yumen_model::{Listener, ListenerTls, TlsVersion};
use yumen_tls::{Oldest, Pair, Server, ServerText};

/// The protocols that a listener speaks inside TLS, the best first (RFC 7301).
fn protocols(listener: &Listener) -> Vec<&'static [u8]> {
    let http2 = listener.http2.enabled.then_some(&b"h2"[..]);
    http2.into_iter().chain([&b"http/1.1"[..]]).collect()
}

/// Compiles the TLS of a listener; problems go into the report with paths below `at`.
pub(crate) fn compile(
    listener: &Listener,
    tls: &ListenerTls,
    at: &str,
    report: &mut Report,
) -> Option<Server> {
    let pairs = tls.certificates.iter();
    let text = ServerText {
        certificates: pairs
            .map(|one| Pair { certificate: one.certificate.text(), key: one.key.text() })
            .collect(),
        oldest: oldest(tls.min_version),
        protocols: protocols(listener),
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
