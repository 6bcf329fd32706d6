//! XML within bounds: what is accepted has no document type, no more than is allowed, and is accepted
//! within larger bounds.

use yumen_policy_threat_limits::XmlLimits;
use yumen_policy_threat_limits::xml::check as judge;

/// Checks a text.
pub fn check(data: &[u8]) {
    let wide = XmlLimits::default();
    let narrow = XmlLimits { depth: 3, attributes: 2, children: 3, nodes: 10, ..wide.clone() };
    let plain = XmlLimits { plain: true, ..narrow.clone() };
    let (is_wide, is_narrow) = (judge(data, &wide), judge(data, &narrow));
    if judge(data, &plain).is_ok() {
        assert!(is_narrow.is_ok());
        let text = std::str::from_utf8(data).expect("UTF-8");
        assert!(!text.contains("<!--"), "{text}");
        if !text.contains("<![CDATA[") {
            assert!(!text.contains("<!"), "{text}");
            // Nothing else begins with a bracket but elements, their ends, and the declaration.
            let ends = text.matches("</").count() + text.matches("<?").count();
            assert!(text.matches('<').count() - ends <= narrow.nodes, "{text}");
        }
    }
    if is_narrow.is_ok() {
        assert!(is_wide.is_ok());
    }
    if let Err(wrong) = is_wide {
        assert!(!wrong.message.is_empty());
    }
}
