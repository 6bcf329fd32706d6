//! A server that a policy asks for the gateway itself, as it is configured: where it is, and whose word is
//! taken for it.

use std::sync::Arc;

use yumen_courier::{Target, Url};
use yumen_model::Pem;
use yumen_model::report::Report;
use yumen_tls::{Client, ClientText};

/// What is configured of a server, and what its settings are called.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    /// Where it is.
    pub url: &'a str,
    /// Who may have signed its certificate; whom the system trusts if it is left out.
    pub ca: Option<&'a Pem>,
    /// Whether it may be asked in clear text though it is not this machine.
    pub is_insecure: bool,
    /// What these three are called.
    pub keys: [&'static str; 3],
    /// What whoever is on the way could do.
    pub danger: &'static str,
    /// A good URL.
    pub example: &'static str,
}

/// Where a server is, and whose word is taken for it if it speaks TLS.
pub type Way = (Url, Option<Arc<Client>>);

impl Server<'_> {
    /// The way to it; what is wrong goes to the report.
    pub fn compile(&self, at: &str, report: &mut Report) -> Option<Way> {
        let [url_key, _, insecure_key] = self.keys;
        let url_at = format!("{at}.{url_key}");
        let url = match Url::read(self.url) {
            Ok(url) => url,
            Err(problem) => {
                report.error(url_at, problem.0).hint(format!("such as `{}`", self.example));
                return None;
            }
        };
        if !url.target.is_secure() && !self.is_insecure && !url.target.is_here() {
            report.error(url_at, self.danger).hint(format!(
                "`https://`; or say `{insecure_key}: true` if nobody can be on the way"
            ));
        }
        let client = self.client(&url.target, at, report)?;
        Some((url, client))
    }

    fn client(
        &self,
        target: &Target,
        at: &str,
        report: &mut Report,
    ) -> Option<Option<Arc<Client>>> {
        let [url_key, ca_key, _] = self.keys;
        let ca_at = format!("{at}.{ca_key}");
        if !target.is_secure() {
            if self.ca.is_some() {
                report
                    .error(ca_at, "the server is asked in clear text")
                    .hint(format!("write `https://` in `{url_key}`, or leave it out"));
            }
            return Some(None);
        }
        let ca = self.ca.map(|ca| ca.text().to_owned());
        match Client::compile(ClientText { ca, ..ClientText::default() }) {
            Ok(client) => Some(Some(Arc::new(client))),
            Err(problems) => {
                for problem in problems {
                    report.error(ca_at.as_str(), problem.message).hint(problem.hint);
                }
                None
            }
        }
    }
}
