use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};

use crate::{Client, ClientText, Facts, Name, Oldest, Pair, Server, ServerText, Session};

/// A certificate that signed itself, and its key, as PEM texts.
fn issued(names: &[&str], rsa: bool) -> (String, String) {
    let algorithm = if rsa { &PKCS_RSA_SHA256 } else { &PKCS_ECDSA_P256_SHA256 };
    let key = KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn server(pairs: &[&(String, String)]) -> Server {
    let text = ServerText {
        certificates: pairs.iter().map(|(certificate, key)| Pair { certificate, key }).collect(),
        protocols: vec![b"http/1.1"],
        ..ServerText::default()
    };
    Server::compile(&text).unwrap()
}

fn client(ca: &str) -> Client {
    let protocols = vec![&b"h2"[..], b"http/1.1"];
    Client::compile(ClientText { ca: Some(ca.to_owned()), protocols, ..ClientText::default() })
        .unwrap()
}

/// Carries sealed bytes in small pieces until both sides are silent.
fn talk(client: &mut Session, server: &mut Session) -> Result<(), String> {
    while client.owes() || server.owes() {
        carry(client, server)?;
        carry(server, client)?;
    }
    Ok(())
}

fn carry(from: &mut Session, to: &mut Session) -> Result<(), String> {
    let mut sealed = Vec::new();
    from.seal(&mut sealed);
    for piece in sealed.chunks(1000) {
        let taken = to.take(piece).map_err(|fault| fault.to_string())?;
        assert_eq!(taken, piece.len());
    }
    Ok(())
}

fn meet(client: &Client, server: &Server, name: &str) -> Result<(Session, Session), String> {
    let mut near = client.session(&Name::read(name).unwrap()).unwrap();
    let mut far = server.open(None).session().unwrap();
    talk(&mut near, &mut far)?;
    assert!(!near.is_handshaking() && !far.is_handshaking());
    Ok((near, far))
}

#[test]
fn two_sides_agree_and_talk() {
    let own = issued(&["a.test"], false);
    let (mut near, mut far) = meet(&client(&own.0), &server(&[&own]), "a.test").unwrap();
    let agreed = far.negotiated();
    assert_eq!(agreed.protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(agreed.server_name.as_deref(), Some("a.test"));
    let mut sent = 0;
    let said = vec![b'x'; 100_000];
    let mut heard = Vec::new();
    while sent < said.len() {
        sent += near.write(&said[sent..]);
        let mut sealed = Vec::new();
        near.seal(&mut sealed);
        let mut rest = &sealed[..];
        while !rest.is_empty() {
            let taken = far.take(rest).unwrap();
            assert!(taken > 0, "there is always something to be read first");
            rest = &rest[taken..];
            assert!(far.waiting() <= 20 * 1024, "little more than a record: {}", far.waiting());
            while far.read(&mut heard, 1000) > 0 {}
        }
    }
    assert_eq!(heard, said);
    assert!(!far.has_ended());
    near.end();
    talk(&mut near, &mut far).unwrap();
    assert!(far.has_ended());
}

#[test]
fn a_client_believes_whom_it_should() {
    let (own, other) = (issued(&["a.test", "127.0.0.1"], false), issued(&["a.test"], false));
    let server = server(&[&own]);
    let check = |client: &Client, name: &str, expect: &str| {
        let met = meet(client, &server, name).err().unwrap_or_default();
        assert!(met.contains(expect) && met.is_empty() == expect.is_empty(), "{name}: {met}");
    };
    check(&client(&own.0), "a.test", "");
    check(&client(&own.0), "127.0.0.1", "");
    check(&client(&own.0), "b.test", "not valid for name");
    check(&client(&other.0), "a.test", "invalid peer certificate");
    let insecure = ClientText { insecure: true, ..ClientText::default() };
    check(&Client::compile(insecure).unwrap(), "b.test", "");
    let newest = ServerText { oldest: Oldest::Tls13, ..ServerText::default() };
    assert!(Server::compile(&newest).is_err(), "no certificate");
}

#[test]
fn a_certificate_says_what_it_is_for() {
    let (own, _) = issued(&["A.test", "*.b.test", "127.0.0.1", "::1"], false);
    let chain = crate::pem::certificates(&own, "").unwrap();
    let facts = Facts::of(&chain).unwrap();
    assert_eq!(facts.names, ["a.test", "*.b.test", "127.0.0.1", "::1"]);
    for (host, covered) in [
        ("a.test", true),
        ("A.TEST", true),
        ("x.b.test", true),
        ("b.test", false),
        ("y.x.b.test", false),
        ("127.0.0.1", true),
        ("", false),
        ("test", false),
    ] {
        assert_eq!(facts.covers(host), covered, "{host}");
    }
    assert_eq!(Facts::read(b"no certificate"), None);
}

#[test]
fn problems_are_named() {
    let (a, b) = (issued(&["a.test"], true), issued(&["b.test"], false));
    let check = |certificate: &str, key: &str, at: &str, expect: &str| {
        let certificates = vec![Pair { certificate, key }];
        let text = ServerText { certificates, ..ServerText::default() };
        let problems = Server::compile(&text).err().unwrap_or_default();
        let found = problems.first().unwrap();
        assert_eq!(found.at, format!("certificates[0].{at}"), "{found:?}");
        assert!(found.message.contains(expect), "{found:?}");
    };
    check("", &a.1, "certificate", "there is no certificate");
    check(&a.1, &a.1, "certificate", "this is a key");
    check(&a.0, &a.0, "key", "this is a certificate");
    check(&a.0, "", "key", "there is no private key");
    check(&a.0, &b.1, "key", "does not belong");
    let locked =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    check(&a.0, locked, "key", "has a password");
    let strange = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    check(&a.0, strange, "key", "cannot be used");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    check(broken, &a.1, "certificate", "cannot be read");
    check("-----BEGIN CERTIFICATE-----\n!", &a.1, "certificate", "no PEM text");
}
