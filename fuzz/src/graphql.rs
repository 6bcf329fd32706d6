//! Queries of GraphQL: what is accepted is a query to another parser too, with as many fields; larger
//! bounds accept no less.

use apollo_parser::{Parser, SyntaxKind};
use yumen_policy_threat_limits::GraphqlLimits;
use yumen_policy_threat_limits::graphql::{check as judge, count};

/// Checks a text.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let wide = GraphqlLimits {
        depth: 100,
        fields: u64::MAX,
        aliases: u64::MAX,
        root_fields: u64::MAX,
        directives: u64::MAX,
        fragments: 1000,
        tokens: 100_000,
        introspection: true,
        ..GraphqlLimits::default()
    };
    if judge(text, &GraphqlLimits::default()).is_ok() {
        assert!(judge(text, &wide).is_ok());
    }
    let Ok(counts) = count(text, &wide) else { return };
    // Escapes and descriptions of the newer specification, which the other parser does not know.
    if text.contains("\\u{") || text.contains('"') && text.trim_start().starts_with('"') {
        return;
    }
    let tree = Parser::new(text).recursion_limit(1000).token_limit(1_000_000).parse();
    let errors: Vec<String> = tree.errors().map(|error| error.message().to_owned()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let document = tree.document();
    let nodes = apollo_parser::cst::CstNode::syntax(&document);
    let fields = |kind: SyntaxKind| {
        let definitions = nodes.children().filter(move |one| one.kind() == kind);
        definitions
            .map(|one| one.descendants().filter(|one| one.kind() == SyntaxKind::FIELD).count())
    };
    let spreads = nodes.descendants().any(|one| one.kind() == SyntaxKind::FRAGMENT_SPREAD);
    let theirs: Vec<usize> = fields(SyntaxKind::OPERATION_DEFINITION).collect();
    assert_eq!(theirs.len(), counts.len());
    for (theirs, ours) in theirs.into_iter().zip(&counts) {
        let ours = usize::try_from(ours.fields).expect("few");
        assert!(if spreads { ours >= theirs } else { ours == theirs }, "{theirs} {ours}");
    }
}
