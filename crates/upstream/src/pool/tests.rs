use super::*;
use yumen_model::Service;
use yumen_model::document::{Document, Source};
use yumen_model::report::Report;

fn destination(revision: u64, port: u16) -> Arc<Destination> {
    let mut report = Report::default();
    let text = format!("{{name: s, url: 'http://127.0.0.1:{port}'}}");
    let source = Source { name: "s.yaml".to_owned(), text };
    let document = Document::read(&[source], &|_| None, &mut report);
    let service: Service = yumen_model::read(document.root(), "", &mut report).unwrap();
    Arc::new(Destination::compile(&service, revision, "", &mut report).unwrap())
}

fn chosen(pool: &Pool) -> u16 {
    pool.choose(&Ask::default()).unwrap().1.address.port()
}

#[test]
fn an_exchange_of_an_old_plan_does_not_turn_a_pool_back() {
    let names = Names::default();
    let pool = Pool::new(destination(1, 1001), &names, 0);
    assert_eq!(chosen(&pool), 1001);
    pool.adopt(&destination(2, 1002), &names);
    assert_eq!(chosen(&pool), 1002);
    pool.adopt(&destination(1, 1001), &names);
    assert_eq!(chosen(&pool), 1002, "the newer plan stays");
}
