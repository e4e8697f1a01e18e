//! GEOSEARCH and GEOSEARCHSTORE.

use super::query::Form;
use super::{GEO, walk};
use crate::command::{Access, Command, Flag, Handler, Keys};

pub(super) const GEOSEARCH: Command = Command {
    name: "geosearch",
    summary: "Finds the members inside a circle, a box or a polygon.",
    syntax: "key [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS radius \
             <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON num-vertices \
             longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count [ANY]] \
             [WITHCOORD] [WITHDIST] [WITHHASH]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 100 km
        1) "Catania"
        > GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 400 400 km DESC WITHDIST
        1) 1) "Catania"
           2) "166.2742"
        2) 1) "Palermo"
           2) "0.0000"
        > GEOSEARCH Sicily BYPOLYGON 3 13 37 13 40 14 38
        1) "Palermo"
    "#,
    since: "6.2.0",
    complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box \
                 area around the shape provided as the filter and M is the number of items inside \
                 the shape",
    keys: &[Keys::One(1, Access::Read)],
    arity: Some(-7),
    handler: Handler::Read(|view, call| walk::answer(view, call, Form::Search)),
    cost: Some(|view, call| walk::cost(view, call, Form::Search)),
    ..GEO
};

pub(super) const GEOSEARCHSTORE: Command = Command {
    name: "geosearchstore",
    summary: "Stores the members inside a circle, a box or a polygon as another sorted set.",
    syntax: "destination source [FROMMEMBER member | FROMLONLAT longitude latitude] <BYRADIUS \
             radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI> | BYPOLYGON \
             num-vertices longitude latitude [longitude latitude ...]> [ASC | DESC] [COUNT count \
             [ANY]] [STOREDIST]",
    example: r#"
        > GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania
        (integer) 2
        > GEOSEARCHSTORE near Sicily FROMLONLAT 15 37 BYRADIUS 100 km
        (integer) 1
        log: ZADD near 3479447370796909 Catania
        event: geosearchstore near
        > GEOSEARCHSTORE near Sicily FROMLONLAT 0 0 BYRADIUS 100 km
        (integer) 0
        log: DEL near
        event: del near
    "#,
    since: "6.2.0",
    complexity: "O(N+log(M)) where N is the number of elements in the grid-aligned bounding box \
                 area around the shape provided as the filter and M is the number of items inside \
                 the shape",
    keys: &[Keys::One(1, Access::Overwrite), Keys::One(2, Access::Read)],
    arity: Some(-8),
    flags: &[Flag::DenyOom],
    handler: Handler::Write(|tx, call| walk::run(tx, call, Form::SearchStore, "geosearchstore")),
    ..GEO
};
