//! Variables that are good, and those that are not.

use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Settings, Fault> {
    Settings::read(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_variables_of_vaults_own_tools_are_gone_by() {
    let settings = read(&[
        ("VAULT_ADDR", "https://vault.example:8200/behind/"),
        ("VAULT_TOKEN", "hvs.s3cret"),
        ("VAULT_NAMESPACE", "team/east"),
        ("VAULT_SKIP_VERIFY", "false"),
        ("BAO_ADDR", "https://other.example"),
        ("BAO_NAMESPACE", "other"),
    ])
    .unwrap();
    assert_eq!(settings.server(), "https://vault.example:8200");
    assert_eq!(settings.prefix, "/behind");
    assert_eq!(settings.namespace.as_deref(), Some("team/east"));
    assert_eq!(settings.login, Login::Token(Given::Text(Hidden("hvs.s3cret".to_owned()))));
    assert!(!format!("{settings:?}").contains("s3cret"));
    // A server of the other make, with a token for it and not for the first.
    let settings =
        read(&[("BAO_ADDR", "http://[::1]:8200"), ("BAO_TOKEN", "b"), ("VAULT_TOKEN", "v")]);
    let settings = settings.unwrap();
    assert_eq!(
        (settings.server(), settings.prefix),
        ("http://[::1]:8200".to_owned(), String::new())
    );
    assert_eq!(settings.login, Login::Token(Given::Text(Hidden("b".to_owned()))));
}

#[test]
fn each_way_to_log_in_has_its_variables() {
    let ways = |more: &[(&str, &str)]| {
        let address = [("VAULT_ADDR", "https://a")];
        read(&[&address, more].concat()).unwrap().login
    };
    let hidden = |text: &str| Hidden(text.to_owned());
    let file = |path: &str| Given::File(PathBuf::from(path));
    assert_eq!(ways(&[("VAULT_TOKEN_FILE", "/t")]), Login::Token(file("/t")));
    let (mount, role) = ("approle".to_owned(), hidden("r"));
    let app = |secret| Login::AppRole { mount: mount.clone(), role: role.clone(), secret };
    assert_eq!(ways(&[("VAULT_ROLE_ID", "r")]), app(None));
    let both = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID", "s"), ("VAULT_TOKEN", "")];
    assert_eq!(ways(&both), app(Some(Given::Text(hidden("s")))));
    let both = [("VAULT_ROLE_ID", "r"), ("VAULT_SECRET_ID_FILE", "/s")];
    assert_eq!(ways(&both), app(Some(file("/s"))));
    let pod = |mount: &str, token| Login::Kubernetes {
        mount: mount.to_owned(),
        role: "shop".to_owned(),
        token,
    };
    assert_eq!(ways(&[("VAULT_K8S_ROLE", "shop")]), pod("kubernetes", file(SERVICE_ACCOUNT)));
    let all = [
        ("VAULT_K8S_ROLE", "shop"),
        ("VAULT_K8S_MOUNT", "k8s/east"),
        ("VAULT_K8S_TOKEN_FILE", "/j"),
    ];
    assert_eq!(ways(&all), pod("k8s/east", file("/j")));
}

#[test]
fn what_cannot_be_is_told_with_the_way_out() {
    const TOKEN: (&str, &str) = ("VAULT_TOKEN", "hvs.s3cret");
    let at = |address| ("VAULT_ADDR", address);
    for (variables, expect) in [
        (&[][..], "VAULT_ADDR is not set; set it to where Vault is"),
        (&[TOKEN, at("")], "VAULT_ADDR is not set"),
        (&[TOKEN, at("vault.example:8200")], "VAULT_ADDR is no address of a server"),
        (&[TOKEN, at("https://a/?x")], "has a query"),
        (&[TOKEN, at("http://vault.example")], "set YUMEN_VAULT_INSECURE=true if nobody can"),
        (&[TOKEN, at("http://vault.example"), (CLEAR_TEXT, "false")], "could be read by others"),
        (&[TOKEN, at("https://a"), ("VAULT_SKIP_VERIFY", "1")], "VAULT_SKIP_VERIFY is set"),
        (&[TOKEN, at("https://a"), ("VAULT_NAMESPACE", "a\nb")], "VAULT_NAMESPACE is no namespace"),
        (&[TOKEN, at("https://a"), ("VAULT_TLS_SERVER_NAME", "a b")], "is no host"),
        (&[at("https://a")], "nothing says how to log in"),
        (&[at("https://a"), ("VAULT_SECRET_ID", "s")], "VAULT_ROLE_ID is not set"),
        (&[TOKEN, at("https://a"), ("VAULT_TOKEN_FILE", "/t")], "are both set"),
        (
            &[TOKEN, at("https://a"), ("VAULT_K8S_ROLE", "r")],
            "VAULT_TOKEN and VAULT_K8S_ROLE are set",
        ),
        (
            &[at("https://a"), ("VAULT_K8S_ROLE", "r"), ("VAULT_K8S_MOUNT", "../sys")],
            "VAULT_K8S_MOUNT is no path",
        ),
    ] {
        let fault = read(variables).unwrap_err();
        assert!(fault.to_string().contains(expect), "{variables:?}: {fault}");
        assert!(!fault.is_away() && !fault.to_string().contains("s3cret"), "{fault}");
    }
    assert!(read(&[TOKEN, at("http://vault.example"), (CLEAR_TEXT, "true")]).is_ok());
    assert!(read(&[TOKEN, at("http://127.0.0.1:8200")]).is_ok());
}

#[test]
fn an_authority_that_cannot_be_read_is_told() {
    let with = |address, file| {
        let variables = [("VAULT_ADDR", address), ("VAULT_TOKEN", "x"), ("VAULT_CACERT", file)];
        read(&variables).unwrap().courier()
    };
    let fault = with("https://a", "/nowhere/ca.pem").unwrap_err();
    assert!(fault.why.starts_with("cannot read /nowhere/ca.pem"), "{fault}");
    assert!(with("http://127.0.0.1:1", "/nowhere/ca.pem").is_ok(), "nobody needs it there");
}
