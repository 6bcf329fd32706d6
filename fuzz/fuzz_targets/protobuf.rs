//! Hands what libFuzzer makes up to the checks of `protobuf`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| yumen_fuzz::protobuf::check(data));
