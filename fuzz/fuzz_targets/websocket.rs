//! Hands what libFuzzer makes up to the checks of `websocket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::websocket::check(data));
