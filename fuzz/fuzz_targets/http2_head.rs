//! Hands what libFuzzer makes up to the checks of `http2_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::http2_head::check(data));
