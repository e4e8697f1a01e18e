//! A real client library: the `redis` crate, RESP2 and RESP3.

use crate::support::coolcache;
use redis::{Commands, Connection, RedisResult, Value};

fn open(port: u16, protocol: &str) -> Connection {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/?protocol={protocol}"));
    client.unwrap().get_connection().unwrap()
}

#[test]
fn commands_of_every_kind_of_reply() {
    for protocol in ["resp2", "resp3"] {
        let (_dir, server) = coolcache(&[]);
        let mut connection = open(server.port, protocol);
        let _: () = connection.set("key", "value").unwrap();
        assert_eq!(connection.get::<_, String>("key").unwrap(), "value");
        assert_eq!(connection.get::<_, Option<String>>("none").unwrap(), None);
        assert_eq!(connection.incr::<_, _, i64>("count", 41).unwrap(), 41);
        assert_eq!(connection.incr::<_, _, f64>("real", 1.5).unwrap(), 1.5);
        assert!(connection.exists::<_, bool>("count").unwrap());
        let values: Vec<Option<String>> = connection.mget(&["key", "none", "count"]).unwrap();
        assert_eq!(values, [Some("value".to_owned()), None, Some("41".to_owned())]);
        let _: () = connection.set_ex("short", "lived", 100).unwrap();
        assert!((1..=100).contains(&connection.ttl::<_, i64>("short").unwrap()));
        let error: RedisResult<i64> = connection.incr("key", 1);
        assert!(error.unwrap_err().to_string().contains("not an integer"));
        let mut keys: Vec<String> = connection.scan().unwrap().collect::<RedisResult<_>>().unwrap();
        keys.sort();
        assert_eq!(keys, ["count", "key", "real", "short"]);
        let config: std::collections::HashMap<String, String> =
            redis::cmd("CONFIG").arg("GET").arg("appendonly").query(&mut connection).unwrap();
        assert_eq!(config["appendonly"], "yes");
    }
}

#[test]
fn pipelines() {
    for protocol in ["resp2", "resp3"] {
        let (_dir, server) = coolcache(&[]);
        let mut connection = open(server.port, protocol);
        let mut pipe = redis::pipe();
        for n in 0..2000 {
            pipe.cmd("SET").arg(format!("key:{n}")).arg(n).ignore();
            pipe.cmd("GET").arg(format!("key:{n}"));
        }
        let values: Vec<i64> = pipe.query(&mut connection).unwrap();
        assert_eq!(values, (0..2000).collect::<Vec<_>>());
    }
}

#[test]
fn resp3_has_its_own_types() {
    let (_dir, server) = coolcache(&[]);
    let mut connection = open(server.port, "resp3");
    let config =
        redis::cmd("CONFIG").arg("GET").arg("port").query::<Value>(&mut connection).unwrap();
    assert!(matches!(config, Value::Map(_)), "{config:?}");
    let hello = redis::cmd("HELLO").query::<Value>(&mut connection).unwrap();
    assert!(matches!(hello, Value::Map(_)), "{hello:?}");
    let nothing = redis::cmd("GET").arg("none").query::<Value>(&mut connection).unwrap();
    assert_eq!(nothing, Value::Nil);
}
