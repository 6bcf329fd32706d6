//! Hands what libFuzzer makes up to the checks of `response_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::response_head::check(data));
