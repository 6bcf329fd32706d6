//! Hands what libFuzzer makes up to the checks of `request_head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::request_head::check(data));
