//! Listeners whose certificates come later.

use super::{Arc, CHALLENGE_PROTOCOL, Certified, Pair, Shelf};
use crate::tests::{issued, talk};
use crate::{Client, ClientText, Name, Server, ServerText};

fn certified(names: &[&str]) -> (String, Certified) {
    let (certificate, key) = issued(names, false);
    let both = format!("{certificate}{key}");
    let certified = Certified::read(Pair { certificate: &both, key: &both }).unwrap();
    (certificate, certified)
}

/// What comes of it if a client that believes `ca` asks for a name.
fn ask(server: &Server, shelf: &Arc<Shelf>, ca: &str, name: &str) -> Result<(), String> {
    ask_speaking(server, shelf, (ca, name), &[b"http/1.1"]).map(drop)
}

fn ask_speaking(
    server: &Server,
    shelf: &Arc<Shelf>,
    (ca, name): (&str, &str),
    protocols: &[&'static [u8]],
) -> Result<Option<Vec<u8>>, String> {
    let insecure = ca.is_empty();
    let ca = (!insecure).then(|| ca.to_owned());
    let text = ClientText { ca, insecure, protocols: protocols.to_vec(), ..ClientText::default() };
    let client = Client::compile(text).unwrap();
    let mut near = client.session(&Name::read(name).unwrap()).unwrap();
    let mut far = server.open(None, shelf).session().unwrap();
    talk(&mut near, &mut far)?;
    Ok(far.negotiated().protocol)
}

fn server(automatic: &[&str], written: &[(String, String)]) -> Server {
    let pairs = written.iter().map(|(certificate, key)| Pair { certificate, key });
    let text = ServerText {
        certificates: pairs.collect(),
        automatic: automatic.iter().map(ToString::to_string).collect(),
        protocols: vec![b"http/1.1"],
        ..ServerText::default()
    };
    Server::compile(&text).unwrap()
}

#[test]
fn a_name_has_no_certificate_until_it_has_come() {
    let shelf = Arc::<Shelf>::default();
    let server = server(&["a.test", "b.test"], &[]);
    let (ca, one) = certified(&["a.test", "c.test"]);
    assert!(ask(&server, &shelf, &ca, "a.test").is_err());
    shelf.put(vec![("a.test".to_owned(), one)], Vec::new());
    ask(&server, &shelf, &ca, "a.test").unwrap();
    ask(&server, &shelf, &ca, "A.Test").unwrap();
    // An unknown name gets the first; one that is still to come is not shown another's.
    ask(&server, &shelf, &ca, "c.test").unwrap();
    let other = ask(&server, &shelf, "", "b.test").unwrap_err();
    assert!(!other.contains("UnknownIssuer"), "{other}");
    shelf.put(Vec::new(), Vec::new());
    assert!(ask(&server, &shelf, &ca, "a.test").is_err());
}

#[test]
fn a_written_certificate_stands_in_where_it_is_for_the_name() {
    let shelf = Arc::<Shelf>::default();
    let wild = issued(&["*.a.test"], false);
    let server = server(&["x.a.test", "b.test"], std::slice::from_ref(&wild));
    ask(&server, &shelf, &wild.0, "x.a.test").unwrap();
    assert!(ask(&server, &shelf, "", "b.test").is_err());
    let (ca, own) = certified(&["x.a.test"]);
    shelf.put(vec![("x.a.test".to_owned(), own)], Vec::new());
    ask(&server, &shelf, &ca, "x.a.test").unwrap();
    ask(&server, &shelf, &wild.0, "y.a.test").unwrap();
}

#[test]
fn a_challenge_is_answered_only_to_who_asks_for_that_alone() {
    let shelf = Arc::<Shelf>::default();
    let server = server(&["a.test"], &[]);
    let (ca, own) = certified(&["a.test"]);
    shelf.put(vec![("a.test".to_owned(), own.clone())], Vec::new());
    let asks = |protocols: &[&'static [u8]], ca: &str| {
        ask_speaking(&server, &shelf, (ca, "a.test"), protocols)
    };
    assert!(asks(&[CHALLENGE_PROTOCOL], "").is_err(), "none is under way");
    let answer = Certified::for_challenge("a.test", &[7; 32]).unwrap();
    assert_eq!(answer.facts().names, ["a.test"]);
    shelf.put(vec![("a.test".to_owned(), own)], vec![("a.test".to_owned(), answer)]);
    // It was shown: only an authority takes a certificate with that extension.
    let shown = asks(&[CHALLENGE_PROTOCOL], "").unwrap_err();
    assert!(shown.contains("UnsupportedCriticalExtension"), "{shown}");
    let both = asks(&[CHALLENGE_PROTOCOL, b"http/1.1"], &ca).unwrap();
    assert_eq!(both.as_deref(), Some(&b"http/1.1"[..]));
    assert!(Certified::for_challenge("a.test", &[7; 31]).is_none());
}
