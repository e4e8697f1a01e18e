//! Single routines under criterion: what one call costs, for whoever changes one of them.
//!
//! `cargo bench --bench micro [-- NAME]`. They say what a routine costs on warm data and nothing of
//! a server under load; that is `compare`, whose figures are the ones that are quoted.

use coolcache::base::double;
use coolcache::paged::PageHeap;
use coolcache::rdb::{Format, ValueRef, dump};
use coolcache::resp::encode::write_request;
use coolcache::resp::request::{self, Parsed};
use coolcache::types::Limits;
use coolcache::types::hash::HashValue;
use coolcache::types::zset::ZsetValue;
use criterion::{BatchSize, Criterion, Throughput, criterion_main};
use std::hint::black_box;

const KEYS: u64 = 100_000;

fn name(n: u64) -> String {
    format!("key:{n:012}")
}

/// A round's worth of SETs, parsed in place.
fn parse(c: &mut Criterion) {
    const REQUESTS: u64 = 64;
    let mut buffer = Vec::new();
    for n in 0..REQUESTS {
        write_request(&mut buffer, &[b"SET", name(n).as_bytes(), b"0123456789abcdef"]);
    }
    let limits = request::Limits::client(512 << 20);
    let mut args = Vec::new();
    let mut group = c.benchmark_group("parse");
    group.throughput(Throughput::Elements(REQUESTS));
    group.bench_function("64 SETs", |b| {
        b.iter(|| {
            let mut at = 0;
            args.clear();
            while let Parsed::Frame { consumed } =
                request::parse(&mut buffer[at..], &limits, &mut args)
            {
                at += consumed;
            }
            assert_eq!(args.len() as u64, 3 * REQUESTS);
        });
    });
}

fn print(c: &mut Criterion) {
    let mut n = 0u32;
    c.bench_function("double/shortest", |b| {
        b.iter(|| {
            n = n.wrapping_add(1);
            double::shortest(black_box(f64::from(n) / 7.0)).as_bytes().len()
        });
    });
}

/// What DUMP and RESTORE do, and an RDB file's entries.
fn payloads(c: &mut Criterion) {
    let (limits, mut heap) = (Limits::default(), PageHeap::new());
    let mut hash = HashValue::new();
    for n in 0..100 {
        hash.set(name(n).as_bytes(), b"0123456789abcdef", &limits, &mut heap);
    }
    let hash = ValueRef::Hash(hash.as_ref());
    let encode = |out: &mut Vec<u8>| {
        out.clear();
        dump::encode(&hash, true, Format::V10, out).expect("no field expires");
    };
    let (mut payload, mut scratch) = (Vec::new(), Vec::new());
    encode(&mut payload);
    let mut group = c.benchmark_group("payload of a hash");
    group.throughput(Throughput::Bytes(payload.len() as u64));
    group.bench_function("decode", |b| {
        b.iter(|| dump::decode(black_box(&payload), &mut scratch).is_ok());
    });
    group.bench_function("encode", |b| b.iter(|| encode(&mut payload)));
    group.finish();
}

/// Small: in one block. Large: in a paged table of its own.
fn hashes(c: &mut Criterion) {
    let limits = Limits::default();
    for (form, fields) in [("small", 100), ("large", KEYS)] {
        let mut heap = PageHeap::new();
        let mut hash = HashValue::new();
        for n in 0..fields {
            hash.set(name(n).as_bytes(), b"0123456789abcdef", &limits, &mut heap);
        }
        let mut n = 0;
        let mut next = || {
            n = (n + 7919) % fields;
            name(n)
        };
        c.bench_function(&format!("hash/get, {form}"), |b| {
            b.iter_batched(
                &mut next,
                |field| hash.as_ref().contains(field.as_bytes(), 0),
                BatchSize::SmallInput,
            );
        });
        c.bench_function(&format!("hash/set, {form}"), |b| {
            b.iter_batched(
                &mut next,
                |field| hash.set(field.as_bytes(), b"fedcba9876543210", &limits, &mut heap),
                BatchSize::SmallInput,
            );
        });
    }
}

/// A sorted set's tree: a member moves, a member's rank.
fn sorted_sets(c: &mut Criterion) {
    let limits = Limits::default();
    let items = (0..KEYS).map(|n| (n as f64, name(n))).collect();
    let mut zset = ZsetValue::build(items, &limits).expect("members differ");
    let mut n = 0;
    let mut next = || {
        n = (n + 7919) % KEYS;
        (name(n), n)
    };
    c.bench_function("zset/rank", |b| {
        b.iter_batched(
            &mut next,
            |(member, _)| zset.as_ref().rank(member.as_bytes()),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("zset/move", |b| {
        b.iter_batched(
            &mut next,
            |(member, n)| zset.insert(member.as_bytes(), (n * 31 % KEYS) as f64, &limits),
            BatchSize::SmallInput,
        );
    });
}

/// All of them.
fn benches() {
    let mut criterion = Criterion::default().configure_from_args();
    for bench in [parse, print, payloads, hashes, sorted_sets] {
        bench(&mut criterion);
    }
    criterion.final_summary();
}

criterion_main!(benches);
