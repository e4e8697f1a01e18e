//! GEORADIUS and GEORADIUSBYMEMBER, the forms before GEOSEARCH; the ones that may store count as
//! writes, so both have a form that may not.

use super::query::Form;
use super::{GEO, walk};
use crate::command::{Access, Command, Flag, Follow, Handler, Keys};

pub(super) const GEORADIUS: Command = Command {
    name: "georadius",
    summary: "Finds the members within a distance from a place, or stores them.",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEORADIUS Sicily 15 37 200 km WITHDIST ASC
        1) 1) "Catania"
           2) "56.4413"
        2) 1) "Palermo"
           2) "190.4424"
        > GEORADIUS Sicily 15 37 100 km STOREDIST near
        (integer) 1
        log: ZADD near 56.4412578701582 Catania
        event: georadiusstore near
    "#,
    complexity: "O(N+log(M)) where N is the number of elements inside the bounding box of the \
                 circular area delimited by center and radius and M is the number of items inside \
                 the index.",
    keys: &[
        Keys::One(1, Access::Read),
        Keys::Keyword("STORE", 6, Follow::One, Access::OverwriteVariable),
        Keys::Keyword("STOREDIST", 6, Follow::One, Access::OverwriteVariable),
    ],
    flags: &[Flag::DenyOom],
    handler: Handler::Write(|tx, call| {
        walk::run(tx, call, Form::Radius { stores: true }, "georadiusstore")
    }),
    ..GEO
};

pub(super) const GEORADIUS_RO: Command = Command {
    name: "georadius_ro",
    summary: "Finds the members within a distance from a place.",
    syntax: "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
             [COUNT count [ANY]] [ASC | DESC]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEORADIUS_RO Sicily 15 37 200 km COUNT 1
        1) "Catania"
    "#,
    since: "3.2.10",
    keys: &[Keys::One(1, Access::Read)],
    flags: &[],
    handler: Handler::Read(|view, call| walk::answer(view, call, Form::Radius { stores: false })),
    cost: Some(|view, call| walk::cost(view, call, Form::Radius { stores: false })),
    ..GEORADIUS
};

pub(super) const GEORADIUSBYMEMBER: Command = Command {
    name: "georadiusbymember",
    summary: "Finds the members within a distance from one of them, or stores them.",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count \
             [ANY]] [ASC | DESC] [STORE key | STOREDIST key]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEORADIUSBYMEMBER Sicily Palermo 200 km DESC
        1) "Catania"
        2) "Palermo"
        > GEORADIUSBYMEMBER Sicily Palermo 100 km STORE near
        (integer) 1
        log: ZADD near 3479099956230698 Palermo
        event: georadiusstore near
    "#,
    keys: &[
        Keys::One(1, Access::Read),
        Keys::Keyword("STORE", 5, Follow::One, Access::OverwriteVariable),
        Keys::Keyword("STOREDIST", 5, Follow::One, Access::OverwriteVariable),
    ],
    handler: Handler::Write(|tx, call| {
        walk::run(tx, call, Form::RadiusByMember { stores: true }, "georadiusstore")
    }),
    ..GEORADIUS
};

pub(super) const GEORADIUSBYMEMBER_RO: Command = Command {
    name: "georadiusbymember_ro",
    summary: "Finds the members within a distance from one of them.",
    syntax: "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count \
             [ANY]] [ASC | DESC]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEORADIUSBYMEMBER_RO Sicily Palermo 200 km DESC
        1) "Catania"
        2) "Palermo"
    "#,
    handler: Handler::Read(|view, call| {
        walk::answer(view, call, Form::RadiusByMember { stores: false })
    }),
    cost: Some(|view, call| walk::cost(view, call, Form::RadiusByMember { stores: false })),
    ..GEORADIUS_RO
};
