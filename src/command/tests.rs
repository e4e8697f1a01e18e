//! What a read costs: by that the engine decides where it runs.

use super::testing::Store;
use crate::resp::Protocol;

fn check(store: &Store, costs: &[(&str, u64)]) {
    for (line, expected) in costs {
        assert_eq!(store.cost(line), *expected, "{line}");
    }
}

/// Words `<name>0`… as many as wanted, each with a blank before it.
fn numbered(name: &str, count: usize) -> String {
    (0..count).map(|n| format!(" {name}{n}")).collect()
}

#[test]
fn sorted_sets() {
    let mut store = Store::new();
    store.fill("k", 0..5000);
    store.fill("ties", std::iter::repeat_n(1, 5000));
    check(
        &store,
        &[
            ("ZRANGE k 0 -1", 5000),
            ("ZRANGE k 0 9", 10),
            ("ZRANGE k -10 -1", 10),
            ("ZRANGE k 0 100000", 5000),
            ("ZRANGE k 3 1", 0),
            ("ZRANGE missing 0 -1", 0),
            ("ZRANGE k 100 299 BYSCORE", 200),
            ("ZRANGE k 100 299 BYSCORE LIMIT 10 50", 50),
            ("ZREVRANGE k 0 -1", 5000),
            ("ZRANGEBYSCORE k -inf +inf", 5000),
            ("ZUNION 2 k ties", 10_000),
            ("ZINTERCARD 2 k missing", 0),
            ("ZINTER 2 k ties", 10_000),
            ("ZDIFF 2 k ties", 10_000),
            ("ZDIFF 2 missing k", 0),
            ("ZRANDMEMBER k -70", 70),
            ("ZRANDMEMBER k 70", 70),
            ("ZRANDMEMBER k 9000", 5000),
            ("ZRANDMEMBER missing -70", 0),
            ("ZRANDMEMBER k -9000000000000", 0),
            ("ZSCAN k 0", 10),
            ("ZSCAN ties 0", 5000),
        ],
    );
}

#[test]
fn sets() {
    let mut store = Store::new();
    store.run(&format!("SADD large{}", numbered("m", 5000)));
    store.run(&format!("SADD small{}", numbered("m", 50)));
    store.run("SET string s");
    check(
        &store,
        &[
            ("SMEMBERS large", 5000),
            ("SMEMBERS missing", 0),
            ("SMEMBERS string", 0),
            ("SINTER large small", 100),
            ("SINTER large small missing", 0),
            ("SINTERCARD 2 large small LIMIT 1", 100),
            ("SUNION large small", 5050),
            ("SUNIONCARD 2 large small", 5050),
            ("SUNIONCARD 2 large small LIMIT 7", 7),
            ("SUNIONCARD 2 small large LIMIT 51", 5050),
            ("SUNIONCARD 3 small large LIMIT 51", 0),
            ("SDIFF small large", 100),
            ("SDIFF missing large", 0),
            ("SDIFFCARD 2 large small", 5050 + 4950),
            ("SRANDMEMBER large", 1),
            ("SRANDMEMBER large 7", 7),
            ("SRANDMEMBER large 4000", 5000),
            ("SRANDMEMBER large -7000", 7000),
            ("SRANDMEMBER missing -7000", 0),
            ("SRANDMEMBER large x", 0),
            ("SSCAN large 0", 10),
            ("SSCAN large 0 MATCH * COUNT 77", 77),
            ("SSCAN large 0 COUNT 100000", 5000),
            ("SSCAN small 0", 50),
            ("SSCAN missing 0", 0),
        ],
    );
}

#[test]
fn hashes_and_keys() {
    let mut store = Store::new();
    let fields: String = (0..2000).map(|n| format!(" f{n} v")).collect();
    store.run(&format!("HSET large{fields}"));
    store.run(&format!("HSET volatile{fields}"));
    store.run(&format!("HPEXPIRE volatile 1000 FIELDS 1500{}", numbered("f", 1500)));
    check(
        &store,
        &[
            ("HGETALL large", 2000),
            ("HSCAN large 0 COUNT 20 NOVALUES", 20),
            ("HRANDFIELD large", 1),
            ("HRANDFIELD large 20 WITHVALUES", 20),
            ("HRANDFIELD large -3000", 3000),
            ("HRANDFIELD missing -3000", 0),
            ("HRANDFIELD volatile", 2000),
            ("SCAN 0 COUNT 5", 2),
            ("KEYS *", 2),
        ],
    );
    for n in 0..1500 {
        store.run(&format!("SET k{n} v"));
    }
    check(&store, &[("SCAN 0", 10), ("SCAN 0 COUNT 99 MATCH k*", 99), ("SCAN 0 COUNT 9999", 1502)]);
}

#[test]
fn a_search_that_ends_early_is_a_cheap_one() {
    let mut store = Store::new();
    store.run(&format!("RPUSH list{} last", numbered("e", 5000)));
    check(
        &store,
        &[
            ("LPOS list e3", 1000),
            ("LPOS list e3 RANK 2", 5001),
            ("LPOS list e3 COUNT 0", 5001),
            ("LPOS list e4000", 5001),
            ("LPOS list e4000 MAXLEN 2000", 2000),
            ("LPOS list e4000 MAXLEN 20", 20),
            ("LPOS list last RANK -1", 1000),
            ("LPOS missing last", 0),
        ],
    );
    let places: String = (0..5000).map(|n| format!(" 13.{n:05} 38.1 p{n}")).collect();
    store.run(&format!("GEOADD places{places}"));
    let near = "GEOSEARCH places FROMLONLAT 13.02 38.1 BYRADIUS 20 km";
    let all = store.cost(near);
    assert!((1000..=5000).contains(&all), "{all}");
    assert!(store.cost(&format!("{near} COUNT 10")) == all);
    assert!(store.cost(&format!("{near} COUNT 10 ANY")) < 1000);
    // Nothing is there, though much is looked at.
    let beside = "GEOSEARCH places FROMLONLAT 13.02 38.11 BYBOX 9 0.001 km COUNT 1 ANY";
    assert_eq!(store.cost(beside), store.cost(&beside.replace(" COUNT 1 ANY", "")));
    check(&store, &[("GEOSEARCH missing FROMLONLAT 13 38 BYRADIUS 2 km", 0)]);
}

#[test]
fn sorting() {
    let mut store = Store::new();
    store.run(&format!("RPUSH list{}", numbered("", 5000)));
    store.run(&format!("SADD set{}", numbered("m", 5000)));
    check(
        &store,
        &[
            ("SORT_RO list", 5000),
            ("SORT_RO list LIMIT 0 10", 5000),
            ("SORT_RO list LIMIT 0 10 GET # GET x*", 5020),
            ("SORT_RO list BY w*", 10_000),
            ("SORT_RO list BY nosort LIMIT 20 10", 10),
            ("SORT_RO missing", 0),
        ],
    );
    let some = store.run("SORT_RO set BY nosort LIMIT 100 10");
    let all = store.run("SORT_RO set BY nosort");
    assert_eq!(some.lines().count(), 21);
    assert!(all.contains(some.split_once("\r\n").unwrap().1));
}

#[test]
fn bits_are_looked_for_in_their_range_only() {
    let mut store = Store::new();
    store.run("SETBIT late 6399999 1");
    store.run("SETBIT soon 6399999 1");
    store.run("SETBIT soon 100 1");
    check(
        &store,
        &[
            ("BITCOUNT late", 12_500),
            ("BITCOUNT late 0 639", 10),
            ("BITCOUNT late 0 51199 BIT", 100),
            ("BITPOS late 1", 12_500),
            ("BITPOS late 1 640000 -1", 2500),
            ("BITPOS late 0", 64),
            ("BITPOS soon 1", 64),
            ("BITCOUNT missing", 1),
            ("DIGEST late", 12_500),
            ("GETRANGE late 0 6399", 100),
            ("GETRANGE late 0 -1", 1),
        ],
    );
}

/// What the reply of a draw would be is known before it is made.
#[test]
fn a_draw_has_a_bound() {
    let mut store = Store::new();
    store.run("SADD set member");
    store.run("HSET hash field value");
    store.run("ZADD zset 1 member");
    for command in ["SRANDMEMBER set", "HRANDFIELD hash", "ZRANDMEMBER zset"] {
        let refused = store.answer(&format!("{command} -9000000000000"), Protocol::Resp2);
        let text = "ERR value is out of range, the reply would exceed 1 GiB";
        assert_eq!(refused.unwrap_err().to_string(), text, "{command}");
        assert_eq!(store.cost(&format!("{command} -9000000000000")), 0, "{command}");
    }
    assert_eq!(store.run("SRANDMEMBER missing -9000000000000"), "*0\r\n");
    let pairs = store.run_as("HRANDFIELD hash -2 WITHVALUES", Protocol::Resp3);
    assert_eq!(pairs, "*2\r\n".to_owned() + &"*2\r\n$5\r\nfield\r\n$5\r\nvalue\r\n".repeat(2));
}

#[test]
fn many_arguments_cost_as_much_as_they_are() {
    let mut store = Store::new();
    store.run("SET s text");
    store.run("ZADD z 1 a");
    store.run("HSET h f v");
    let many = numbered("a", 9000);
    for line in [
        "MGET",
        "EXISTS",
        "SMISMEMBER set",
        "HMGET h",
        "ZMSCORE z",
        "HTTL h FIELDS 9000",
        "HPTTL h FIELDS 9000",
        "HEXPIRETIME h FIELDS 9000",
        "HPEXPIRETIME h FIELDS 9000",
        "GEOPOS z",
        "GEOHASH z",
        "SUNION",
        "SINTER missing",
        "SINTERCARD 9000",
        "SDIFF missing",
        "ZUNION 9000",
        "ZDIFF 9000",
    ] {
        let cost = store.cost(&format!("{line}{many}"));
        assert!(cost >= 9000, "{line}: {cost}");
    }
    let gets = " GET u8 0".repeat(4000);
    assert!(store.cost(&format!("BITFIELD_RO s{gets}")) >= 4000);
    assert!(store.cost("MGET a b") < 10);
}

#[test]
fn groups_and_consumers_of_streams() {
    let mut store = Store::new();
    store.run("XADD k 1-1 f v");
    for group in ["g", "h"] {
        store.run(&format!("XGROUP CREATE k {group} 0"));
    }
    for n in 0..500 {
        store.run(&format!("XGROUP CREATECONSUMER k g c{n}"));
    }
    let readings = format!("XREAD STREAMS{}{}", numbered("s", 700), " 0".repeat(700));
    check(
        &store,
        &[
            ("XINFO CONSUMERS k g", 500),
            ("XINFO CONSUMERS k h", 0),
            ("XINFO CONSUMERS k none", 0),
            ("XINFO CONSUMERS missing g", 0),
            ("XINFO GROUPS k", 2),
            ("XINFO GROUPS missing", 0),
            ("XINFO STREAM k", 0),
            ("XINFO STREAM k FULL", 503),
            ("XINFO STREAM k FULL COUNT x", 0),
            (&readings, 700),
        ],
    );
}
