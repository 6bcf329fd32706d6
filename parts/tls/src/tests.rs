use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};

use crate::{
    Acceptor, Client, ClientText, ClientsText, DemandText, Facts, Name, Oldest, Pair, Server,
    ServerText, Session,
};

/// A certificate that signed itself, and its key, as PEM texts.
pub(crate) fn issued(names: &[&str], rsa: bool) -> (String, String) {
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
pub(crate) fn talk(client: &mut Session, server: &mut Session) -> Result<(), String> {
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
    let mut far = server.open(None, &Arc::default()).session().unwrap();
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
fn a_client_may_speak_another_protocol() {
    let own = issued(&["a.test"], false);
    let client = client(&own.0);
    let other = client.speaking(&[b"other", b"http/1.1"]);
    assert!(other != client && client.speaking(&[b"h2", b"http/1.1"]) == client);
    let (near, _far) = meet(&other, &server(&[&own]), "a.test").unwrap();
    assert_eq!(near.negotiated().protocol.as_deref(), Some(&b"http/1.1"[..]));
    let refused = meet(&client.speaking(&[b"h2"]), &server(&[&own]), "a.test").err();
    assert!(refused.is_some(), "nothing is spoken by both");
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
    assert!(Server::compile(&ServerText::default()).is_err(), "no certificate");
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

/// Who signs certificates of clients.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn sign(&self, serial: u64, expired: bool) -> (String, String) {
        let mut params = CertificateParams::new(vec!["client.test".to_owned()]).unwrap();
        let uri = "spiffe://a/b".try_into().unwrap();
        params.subject_alt_names.push(SanType::URI(uri));
        params.serial_number = Some(SerialNumber::from(serial));
        if expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn crl(&self, revoked: u64, until: i32) -> String {
        let revoked = RevokedCertParams {
            serial_number: SerialNumber::from(revoked),
            revocation_time: date_time_ymd(2021, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2021, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![revoked],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }

    fn clients(&self, optional: bool, crl: Option<String>) -> Option<ClientsText> {
        Some(ClientsText { optional, ca: self.0.pem(), crl })
    }
}

/// A listener that demands this, for these hosts beside all others.
fn demanding(
    own: &(String, String),
    all: Option<ClientsText>,
    hosts: &[(&str, Option<ClientsText>)],
) -> Server {
    let others = DemandText { clients: all, ..DemandText::default() };
    let host = |(name, clients): &(&str, Option<ClientsText>)| DemandText {
        hosts: vec![(*name).to_owned()],
        oldest: Oldest::Tls12,
        clients: clients.clone(),
    };
    let text = ServerText {
        certificates: vec![Pair { certificate: &own.0, key: &own.1 }],
        demands: [others].into_iter().chain(hosts.iter().map(host)).collect(),
        ..ServerText::default()
    };
    Server::compile(&text).unwrap()
}

/// A client that shows this; one client keeps its tickets.
fn showing(ca: &str, own: Option<&(String, String)>) -> Client {
    let own = own.cloned();
    Client::compile(ClientText { ca: Some(ca.to_owned()), own, ..ClientText::default() }).unwrap()
}

/// Meets; the server's side, or why there is none. Tickets arrive.
fn arrive(client: &Client, acceptor: &Acceptor, name: &str) -> Result<Session, String> {
    let mut near = client.session(&Name::read(name).unwrap()).unwrap();
    let mut far = acceptor.session().unwrap();
    talk(&mut near, &mut far)?;
    far.met().map_err(|fault| fault.to_string())?;
    Ok(far)
}

fn fingerprint(session: &Session) -> Option<String> {
    let holder = session.met().unwrap().unwrap().holder().unwrap();
    holder.map(|holder| holder.fingerprint)
}

#[test]
fn clients_show_what_is_demanded_of_the_name_that_they_ask_for() {
    let own = issued(&["a.test", "b.test", "c.test"], false);
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let (good, revoked) = (authority.sign(7, false), authority.sign(8, false));
    let (expired, strange) = (authority.sign(9, true), other.sign(7, false));
    let crl = || Some(authority.crl(8, 2090));
    let server = demanding(
        &own,
        None,
        &[("b.test", authority.clients(false, crl())), ("c.test", authority.clients(true, crl()))],
    );
    let acceptor = server.open(None, &Arc::default());
    let check = |shown: Option<&(String, String)>, name: &str, expect: &str| {
        let met = arrive(&showing(&own.0, shown), &acceptor, name);
        let why = met.as_ref().err().cloned().unwrap_or_default();
        assert!(why.contains(expect) && why.is_empty() == expect.is_empty(), "{name}: {why}");
        if let Ok(session) = met {
            let told = fingerprint(&session);
            assert_eq!(told.is_some(), shown.is_some() && name != "a.test", "{name}");
        }
    };
    check(None, "a.test", "");
    check(Some(&strange), "a.test", "");
    check(Some(&good), "b.test", "");
    check(None, "b.test", "no certificates");
    check(Some(&revoked), "b.test", "Revoked");
    check(Some(&expired), "b.test", "expired");
    check(Some(&strange), "b.test", "UnknownIssuer");
    check(None, "c.test", "");
    check(Some(&good), "c.test", "");
    check(Some(&revoked), "c.test", "Revoked");
    check(Some(&strange), "c.test", "UnknownIssuer");
    // A list that has ended says nothing any more.
    let late = authority.clients(false, Some(authority.crl(8, 2022)));
    let late = demanding(&own, late, &[]).open(None, &Arc::default());
    let why = arrive(&showing(&own.0, Some(&good)), &late, "a.test").unwrap_err();
    assert!(why.contains("Expired") || why.contains("expired"), "{why}");
}

#[test]
fn a_holder_is_told_as_the_certificate_says() {
    let own = issued(&["a.test"], false);
    let authority = Authority::new("one");
    let good = authority.sign(0x1a2b, false);
    let acceptor = demanding(&own, authority.clients(false, None), &[]).open(None, &Arc::default());
    let session = arrive(&showing(&own.0, Some(&good)), &acceptor, "a.test").unwrap();
    let holder = session.met().unwrap().unwrap().holder().unwrap().unwrap();
    assert_eq!(holder.serial, "1a2b");
    assert_eq!(holder.names, ["dns:client.test", "uri:spiffe://a/b"]);
    assert!(holder.subject.starts_with("CN="), "{}", holder.subject);
    let der = crate::pem::certificates(&good.0, "").unwrap();
    assert_eq!(holder.certificate, der[0].to_vec());
    assert_eq!(holder.fingerprint.len(), 64);
    assert_eq!(
        crate::sha256(b"abc")[..4],
        [0xba, 0x78, 0x16, 0xbf],
        "as FIPS 180-2 has it in its appendix"
    );
}

#[test]
fn a_ticket_is_worth_nothing_where_something_else_is_demanded() {
    let own = issued(&["a.test", "b.test"], false);
    let authority = Authority::new("one");
    let good = authority.sign(7, false);
    let (mine, other) = (showing(&own.0, Some(&good)), Authority::new("other"));
    let is_resumed = |session: &Session| session.is_resumed();
    let first = demanding(&own, authority.clients(false, None), &[]).open(None, &Arc::default());
    assert!(!is_resumed(&arrive(&mine, &first, "a.test").unwrap()));
    let again = arrive(&mine, &first, "a.test").unwrap();
    assert!(is_resumed(&again) && fingerprint(&again).is_some(), "the identity is kept");
    // The same demand after a reload.
    let same =
        demanding(&own, authority.clients(false, None), &[]).open(Some(&first), &Arc::default());
    assert!(is_resumed(&arrive(&mine, &same, "a.test").unwrap()));
    // Another authority, a list, another mode: the certificate is shown and verified anew.
    let strict =
        demanding(&own, other.clients(false, None), &[]).open(Some(&same), &Arc::default());
    assert!(arrive(&mine, &strict, "a.test").unwrap_err().contains("UnknownIssuer"));
    let crl = Some(authority.crl(7, 2090));
    let revoked =
        demanding(&own, authority.clients(false, crl), &[]).open(Some(&same), &Arc::default());
    assert!(arrive(&mine, &revoked, "a.test").unwrap_err().contains("Revoked"));
    let optional =
        demanding(&own, authority.clients(true, None), &[]).open(Some(&same), &Arc::default());
    assert!(!is_resumed(&arrive(&mine, &optional, "a.test").unwrap()));
    // Another name of the same listener, and what it had is still good.
    let hosts = [("b.test", authority.clients(false, None))];
    let both = demanding(&own, None, &hosts).open(None, &Arc::default());
    assert!(!is_resumed(&arrive(&mine, &both, "a.test").unwrap()));
    let named = arrive(&mine, &both, "b.test").unwrap();
    assert!(!is_resumed(&named) && fingerprint(&named).is_some());
    assert!(is_resumed(&arrive(&mine, &both, "b.test").unwrap()));
}

/// Who probes a service sees its certificate each time, whatever others agreed on before.
#[test]
fn a_fresh_session_takes_nothing_up_again() {
    let own = issued(&["a.test"], false);
    let acceptor = server(&[&own]).open(None, &Arc::default());
    let client = client(&own.0);
    let name = Name::read("a.test").unwrap();
    let meet = |mut near: Session| {
        let mut far = acceptor.session().unwrap();
        talk(&mut near, &mut far).unwrap();
        (near.is_resumed(), far.negotiated().protocol)
    };
    let text = Some(b"http/1.1".to_vec());
    assert_eq!(meet(client.session(&name).unwrap()), (false, text.clone()));
    assert_eq!(meet(client.session(&name).unwrap()), (true, text.clone()));
    let fresh = client.fresh_session(&name, &[b"http/1.1"]).unwrap();
    assert_eq!(meet(fresh), (false, text));
    assert_eq!(meet(client.fresh_session(&name, &[]).unwrap()), (false, None));
    // What it agrees on is not taken up by others either, nor in the way of what they have.
    assert!(meet(client.session(&name).unwrap()).0);
}

#[test]
fn a_certificate_is_verified_again_when_a_session_is_resumed() {
    let own = issued(&["a.test"], false);
    let authority = Authority::new("one");
    let mine = showing(&own.0, Some(&authority.sign(7, false)));
    let first = demanding(&own, authority.clients(false, None), &[]).open(None, &Arc::default());
    arrive(&mine, &first, "a.test").unwrap();
    // As if it had come to its end in the meantime, which is all that can happen to it without a
    // change of the demand.
    let crl = Some(authority.crl(7, 2090));
    let later = demanding(&own, authority.clients(false, crl), &[]).open(None, &Arc::default());
    let why = arrive(&mine, &first.demanding_as(&later), "a.test").unwrap_err();
    assert!(why.contains("Revoked"), "{why}");
}

#[test]
fn a_connection_is_for_hosts_of_which_the_same_is_demanded() {
    let own = issued(&["a.test"], false);
    let authority = Authority::new("one");
    let (good, bad) = (authority.sign(7, false), authority.sign(8, false));
    let clients = |crl: Option<String>| authority.clients(false, crl);
    let hosts = [("b.test", clients(None)), ("*.c.test", clients(None)), ("d.test", None)];
    let server = demanding(&own, None, &hosts);
    let acceptor = server.open(None, &Arc::default());
    let far = |name: &str, own: &(String, String)| {
        let mut client = acceptor.session().unwrap();
        let ca = ClientText { insecure: true, own: Some(own.clone()), ..ClientText::default() };
        let near = Client::compile(ca).unwrap();
        let mut near = near.session(&Name::read(name).unwrap()).unwrap();
        talk(&mut near, &mut client).unwrap();
        client.met().unwrap().unwrap()
    };
    for (name, host, admitted) in [
        ("a.test", "a.test", true),
        ("a.test", "other.test", true),
        ("a.test", "", true),
        ("a.test", "b.test", false),
        ("a.test", "x.c.test", false),
        ("a.test", "d.test", true),
        ("d.test", "a.test", true),
        ("b.test", "a.test", false),
        ("b.test", "b.test", true),
        // The same is demanded under another name.
        ("b.test", "x.c.test", true),
        ("x.c.test", "y.c.test", true),
        ("x.c.test", "c.test", false),
        ("x.c.test", "z.y.c.test", false),
    ] {
        assert_eq!(acceptor.admits(&far(name, &good), host), admitted, "{name} asks for {host}");
    }
    // After a reload that demands more, who meets that goes on.
    let crl = || Some(authority.crl(8, 2090));
    let hosts = [("b.test", clients(crl())), ("a.test", clients(crl()))];
    let stricter = demanding(&own, None, &hosts).open(Some(&acceptor), &Arc::default());
    assert!(stricter.admits(&far("b.test", &good), "b.test"));
    assert!(!stricter.admits(&far("b.test", &bad), "b.test"), "revoked since");
    assert!(!stricter.admits(&far("a.test", &good), "a.test"), "it has shown nothing");
}

#[test]
fn problems_of_demands_are_named() {
    let own = issued(&["a.test"], false);
    let check = |ca: &str, crl: Option<&str>, at: &str, expect: &str| {
        let clients =
            ClientsText { optional: false, ca: ca.to_owned(), crl: crl.map(str::to_owned) };
        let hosts = DemandText { hosts: vec!["a.test".to_owned()], ..DemandText::default() };
        let text = ServerText {
            certificates: vec![Pair { certificate: &own.0, key: &own.1 }],
            demands: vec![
                DemandText::default(),
                DemandText { clients: Some(clients), ..hosts.clone() },
                hosts,
            ],
            ..ServerText::default()
        };
        let problems = Server::compile(&text).err().unwrap_or_default();
        let found: Vec<&str> = problems.iter().map(|one| one.at.as_str()).collect();
        let at = format!("hosts[0].client_certificates.{at}");
        assert_eq!(found, [at.as_str(), "hosts[1].names[0]"], "{problems:?}");
        assert!(problems[0].message.contains(expect), "{problems:?}");
    };
    check("", None, "ca", "there is no certificate");
    check(&own.1, None, "ca", "this is a key");
    check(&own.0, Some(""), "crl", "there is no list");
    check(&own.0, Some(&own.0), "crl", "there is no list");
    let broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    check(&own.0, Some(broken), "crl", "cannot be used");
}
