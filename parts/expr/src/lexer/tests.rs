//! What is a token, and what is none.

use super::{Lexer, Placed, Token};

fn tokens(source: &str) -> Result<Vec<String>, String> {
    let mut lexer = Lexer::new(source, 0);
    let mut found = Vec::new();
    loop {
        let Placed { at, token } = lexer.token().map_err(|problem| problem.to_string())?;
        found.push(match token {
            Token::End => return Ok(found),
            Token::Word(word) => format!("{at} word {word}"),
            Token::Key(key) => format!("{at} key {key}"),
            Token::Whole(number) => format!("{at} {number}"),
            Token::Unsigned(number) => format!("{at} {number}u"),
            Token::Double(number) => format!("{at} {number:?}"),
            Token::String(text) => format!("{at} {text:?}"),
            Token::Bytes(bytes) => format!("{at} bytes {}", bytes.escape_ascii()),
            Token::Mark(mark) => format!("{at} {mark}"),
        });
    }
}

#[track_caller]
fn check(source: &str, expect: &[&str]) {
    assert_eq!(tokens(source), Ok(expect.iter().map(|it| (*it).to_owned()).collect()), "{source}");
}

#[track_caller]
fn refuse(source: &str, expect: &str) {
    assert_eq!(tokens(source), Err(expect.to_owned()), "{source}");
}

#[test]
fn words_marks_and_blanks() {
    check("", &[]);
    check(" \t\r\n\x0c", &[]);
    check("a.b_1&&!c", &["0 word a", "1 .", "2 word b_1", "5 &&", "7 !", "8 word c"]);
    check(
        "a<=b>=c<d>e",
        &[
            "0 word a",
            "1 <=",
            "3 word b",
            "4 >=",
            "6 word c",
            "7 <",
            "8 word d",
            "9 >",
            "10 word e",
        ],
    );
    check("a // b && c\n+ d // e", &["0 word a", "12 +", "14 word d"]);
    check("a / b", &["0 word a", "2 /", "4 word b"]);
    check("{}[]()?:,%", &["0 {", "1 }", "2 [", "3 ]", "4 (", "5 )", "6 ?", "7 :", "8 ,", "9 %"]);
    check("a.`x-id`.`/v1 a.b`", &["0 word a", "1 .", "2 key x-id", "8 .", "9 key /v1 a.b"]);
    check("rb bytes r", &["0 word rb", "3 word bytes", "9 word r"]);
}

#[test]
fn numbers() {
    check("0 7 007", &["0 0", "2 7", "4 7"]);
    check("18446744073709551615", &["0 18446744073709551615"]);
    check("0x1F 0XaBu", &["0 31", "5 171u"]);
    check("7u 7U", &["0 7u", "3 7u"]);
    check("1.5 .5 1e3 1E-2 1.5e+2", &["0 1.5", "4 0.5", "7 1000.0", "11 0.01", "16 150.0"]);
    check("1.size()", &["0 1", "1 .", "2 word size", "6 (", "7 )"]);
    check("1-2", &["0 1", "1 -", "2 2"]);
    check("10.0.0.1", &["0 10.0", "4 0.0", "6 0.1"].map(|it| it));
    refuse("18446744073709551616", "at byte 0: this is not a number of 64 bits");
    refuse("0x", "at byte 0: this is not a number of 64 bits");
    refuse("0x10000000000000000", "at byte 0: this is not a number of 64 bits");
    refuse("1e999", "at byte 0: this is not a number of 64 bits");
    refuse(
        "a > 500ms",
        "at byte 4: `500ms` is not a number (a length of time is written `duration(\"500ms\")`)",
    );
    refuse("5x", "at byte 0: `5x` is not a number (a text is written in quotes)");
    refuse("1e", "at byte 0: `1e` is not a number (a text is written in quotes)");
    refuse("7uu", "at byte 0: `7uu` is not a number (a text is written in quotes)");
}

#[test]
fn texts_in_quotes() {
    check(r#""" '' "a" 'b'"#, &[r#"0 """#, r#"3 """#, r#"6 "a""#, r#"10 "b""#]);
    check(r#"'"' "'""#, &[r#"0 "\"""#, r#"4 "'""#]);
    check(r#"'''x''x'''"#, &[r#"0 "x''x""#]);
    check("\"\"\"a\n\"b\"\r\n\"\"\"", &[r#"0 "a\n\"b\"\r\n""#]);
    check(r#""\a\b\f\n\r\t\v\\\?\"\'\`""#, &["0 \"\\u{7}\\u{8}\\u{c}\\n\\r\\t\\u{b}\\\\?\\\"'`\""]);
    check(r#""\x41\X7a\u00e9\U0001F62C\303\277\000""#, &["0 \"Az\u{e9}\u{1f62c}\u{c3}\u{bf}\\0\""]);
    check(r#"r"\d\\" R'\x'"#, &[r#"0 "\\d\\\\""#, r#"8 "\\x""#]);
    check("'\u{e9}'", &["0 \"\u{e9}\""]);
    check(
        r#"b"abc" B'\xff' rb"\xff" bR'\n'"#,
        &["0 bytes abc", r"7 bytes \xff", r"15 bytes \\xff", r"24 bytes \\n"],
    );
    check("b'\u{ff}' b'\\303\\277'", &[r"0 bytes \xc3\xbf", r"6 bytes \xc3\xbf"]);
    let close = |at: usize, quote: &str| {
        format!("at byte {at}: this text has no end (close it with `{quote}`)")
    };
    refuse("a == 'b", &close(5, "'"));
    refuse("'''b'", &close(0, "'''"));
    refuse(r#""\""#, &close(0, "\""));
    refuse("r'", &close(0, "'"));
    refuse(
        "'a\nb'",
        "at byte 0: this text has no end (a text of several lines stands between `\"\"\"`)",
    );
    refuse("'a\\", "at byte 2: this text has no end");
}

#[test]
fn escapes_that_stand_for_nothing() {
    let check = |escape: &str, shown: &str, at: usize| {
        let hint = "write `\\\\` for a backslash, or `r` before the text";
        let told = format!("at byte {at}: `{shown}` stands for no character ({hint})");
        assert_eq!(tokens(escape), Err(told), "{escape}");
    };
    check(r#""\s""#, r"\\s", 1);
    check(r#""a\d""#, r"\\d", 2);
    check(r#""\x4""#, r"\\x", 1);
    check(r#""\u00e""#, r"\\u", 1);
    check(r#""\U0000e9""#, r"\\U", 1);
    check(r#""\+12""#, r"\\+", 1);
    check(r#""\x+1""#, r"\\x", 1);
    check(r#""\08a""#, r"\\", 1);
    check(r#""\477""#, r"\\4", 1);
    check(r#""\uD83D""#, r"\\uD83D", 1);
    check(r#""\UD83DDE03""#, r"\\UD83DDE03", 1);
    check(r#""\U00110000""#, r"\\U00110000", 1);
    check(r#"b"\u00e9""#, r"\\u", 2);
    check("\"\\\u{e9}\"", "\\\\\u{e9}", 1);
}

#[test]
fn keys_that_have_no_end() {
    let told =
        "this key has no end, or signs that it may not have (write it in brackets: `[\"key\"]`)";
    for key in ["`", "``", "`a", "`a\"`", "`\u{e9}`", "`a\nb`"] {
        refuse(&format!("a.{key}"), &format!("at byte 2: {told}"));
    }
}

#[test]
fn what_other_languages_write_is_explained() {
    refuse("a = 1", "at byte 2: `=` means nothing here (to compare, write `==`)");
    refuse("a & b", "at byte 2: `&` means nothing here (write `&&`)");
    refuse("a | b", "at byte 2: `|` means nothing here (write `||`)");
    refuse("a =~ b", "at byte 2: `=` means nothing here (to compare, write `==`)");
    refuse(
        "$a",
        "at byte 0: `$` means nothing here (names are written without a sign before them)",
    );
    refuse(
        "a == \u{201c}b\u{201d}",
        "at byte 5: `\u{201c}` means nothing here (write straight quotes: `\"`)",
    );
    refuse("a; b", "at byte 1: `;` means nothing here (an expression is one value)");
    refuse("a # b", "at byte 2: `#` means nothing here");
    refuse("\u{e9}", "at byte 0: `\u{e9}` means nothing here");
    refuse("\0", "at byte 0: `\\0` means nothing here");
}
