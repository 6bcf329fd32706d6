//! Hands what libFuzzer makes up to the checks of `ext_authz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::ext_authz::check(data));
