//! The options of a search. One reader for all six commands, since Redis checks them in one order.

use super::{point, unit};
use crate::command::error::c_text;
use crate::command::zset::score;
use crate::command::{Call, Error, Result};
use crate::keyspace::Key;
use crate::types::geo::{self, Point, Shape};
use crate::types::zset::ZsetRef;

/// How a command names what it searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `key longitude latitude radius unit`; with STORE or without.
    Radius { stores: bool },
    /// `key member radius unit`; with STORE or without.
    RadiusByMember { stores: bool },
    /// `key`, and options.
    Search,
    /// `destination source`, and options.
    SearchStore,
}

impl Form {
    /// Position of the key that is searched.
    pub(super) fn source(self) -> usize {
        if self == Form::SearchStore { 2 } else { 1 }
    }

    /// Position of the first option.
    fn options(self) -> usize {
        match self {
            Form::Radius { .. } => 6,
            Form::RadiusByMember { .. } => 5,
            Form::Search => 2,
            Form::SearchStore => 3,
        }
    }

    fn searches(self) -> bool {
        matches!(self, Form::Search | Form::SearchStore)
    }
}

/// What is searched, and how it is answered.
#[derive(Debug, Default)]
pub(super) struct Query<'a> {
    /// Where distances are measured from; none if that is a member of a key that is missing.
    pub(super) center: Option<Point>,
    /// What is covered; none under the same condition.
    pub(super) shape: Option<Shape>,
    /// Meters in the unit of the distances in the answer; 0 as long as none was named.
    pub(super) unit: f64,
    pub(super) with_distance: bool,
    pub(super) with_hash: bool,
    pub(super) with_place: bool,
    pub(super) order: Option<Order>,
    /// Answer so many, at least 1.
    pub(super) count: Option<usize>,
    /// Whichever come first.
    pub(super) any: bool,
    pub(super) destination: Option<Destination<'a>>,
    /// Which of FROMMEMBER and FROMLONLAT was given.
    from: Option<From>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Ascending,
    Descending,
}

/// Where the result is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) key: Key<'a>,
    /// The scores are distances.
    pub(super) distances: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Member,
    Place,
}

impl<'a> Query<'a> {
    /// Reads the arguments of a search of `zset`; none: the key is missing, which is no error.
    pub(super) fn parse(
        call: &Call<'a>,
        form: Form,
        zset: Option<ZsetRef<'_>>,
    ) -> Result<Query<'a>> {
        let mut query = Query::default();
        match form {
            Form::Radius { .. } => {
                query.center = Some(point(call, 2)?);
                query.take_radius(call, 4)?;
            }
            // Of a missing key Redis does not look at the radius.
            Form::RadiusByMember { .. } => {
                if let Some(zset) = zset {
                    query.center = Some(place_of(zset, call.arg(2))?);
                    query.take_radius(call, 3)?;
                }
            }
            Form::Search => {}
            Form::SearchStore => {
                query.destination = Some(Destination { key: call.key(1), distances: false });
            }
        }
        let mut at = form.options();
        while at < call.len() {
            at += query.take(call, at, form, zset)?;
        }
        query.check(call, form)?;
        Ok(query)
    }

    /// Takes the option at a position; returns how many arguments it had, its name included.
    fn take(
        &mut self,
        call: &Call<'a>,
        at: usize,
        form: Form,
        zset: Option<ZsetRef<'_>>,
    ) -> Result<usize> {
        let values = call.len() - at - 1;
        match () {
            () if call.is(at, "WITHDIST") => self.with_distance = true,
            () if call.is(at, "WITHHASH") => self.with_hash = true,
            () if call.is(at, "WITHCOORD") => self.with_place = true,
            () if call.is(at, "ANY") => self.any = true,
            () if call.is(at, "ASC") => self.order = Some(Order::Ascending),
            () if call.is(at, "DESC") => self.order = Some(Order::Descending),
            () if call.is(at, "COUNT") && values >= 1 => {
                let count = usize::try_from(call.int(at + 1)?).ok().filter(|count| *count > 0);
                self.count = Some(count.ok_or(Error::text("ERR COUNT must be > 0"))?);
                return Ok(2);
            }
            () if form.searches() => return self.take_area(call, at, form, zset),
            () => return self.take_destination(call, at, form),
        }
        Ok(1)
    }

    /// `STORE key | STOREDIST key` of the old commands.
    fn take_destination(&mut self, call: &Call<'a>, at: usize, form: Form) -> Result<usize> {
        let stores =
            matches!(form, Form::Radius { stores: true } | Form::RadiusByMember { stores: true });
        let distances = call.is(at, "STOREDIST");
        if !stores || !(distances || call.is(at, "STORE")) || at + 1 >= call.len() {
            return Err(Error::Syntax);
        }
        self.destination = Some(Destination { key: call.key(at + 1), distances });
        Ok(2)
    }

    /// The options that say where to search. Each may come again; the last one counts.
    fn take_area(
        &mut self,
        call: &Call<'a>,
        at: usize,
        form: Form,
        zset: Option<ZsetRef<'_>>,
    ) -> Result<usize> {
        let values = call.len() - at - 1;
        let is_polygon = matches!(self.shape, Some(Shape::Polygon(_)));
        let is_free = |is_same: fn(&Shape) -> bool| self.shape.as_ref().is_none_or(is_same);
        match () {
            () if form == Form::SearchStore && call.is(at, "STOREDIST") => {
                self.destination = self.destination.map(|to| Destination { distances: true, ..to });
                Ok(1)
            }
            () if call.is(at, "FROMMEMBER")
                && values >= 1
                && self.from != Some(From::Place)
                && !is_polygon =>
            {
                self.from = Some(From::Member);
                if let Some(zset) = zset {
                    self.center = Some(place_of(zset, call.arg(at + 1))?);
                }
                Ok(2)
            }
            () if call.is(at, "FROMLONLAT")
                && values >= 2
                && self.from != Some(From::Member)
                && !is_polygon =>
            {
                self.center = Some(point(call, at + 1)?);
                self.from = Some(From::Place);
                Ok(3)
            }
            () if call.is(at, "BYRADIUS")
                && values >= 2
                && is_free(|shape| matches!(shape, Shape::Radius(_))) =>
            {
                self.take_radius(call, at + 1)?;
                Ok(3)
            }
            () if call.is(at, "BYBOX")
                && values >= 3
                && is_free(|shape| matches!(shape, Shape::Box { .. })) =>
            {
                self.take_box(call, at + 1)?;
                Ok(4)
            }
            () if call.is(at, "BYPOLYGON")
                && values >= 2
                && self.from.is_none()
                && is_free(|shape| matches!(shape, Shape::Polygon(_))) =>
            {
                Ok(2 + self.take_polygon(call, at + 1)?)
            }
            () => Err(Error::Syntax),
        }
    }

    /// `radius unit`.
    fn take_radius(&mut self, call: &Call<'_>, at: usize) -> Result<()> {
        let radius = score(call.arg(at)).ok_or(Error::text("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(Error::text("ERR radius cannot be negative"));
        }
        self.unit = unit(call, at + 1)?;
        self.shape = Some(Shape::Radius(radius * self.unit));
        Ok(())
    }

    /// `width height unit`.
    fn take_box(&mut self, call: &Call<'_>, at: usize) -> Result<()> {
        let width = score(call.arg(at)).ok_or(Error::text("ERR need numeric width"))?;
        let height = score(call.arg(at + 1)).ok_or(Error::text("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(Error::text("ERR height or width cannot be negative"));
        }
        self.unit = unit(call, at + 2)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    /// `num-vertices longitude latitude [longitude latitude ...]`; returns how many arguments the
    /// corners are. Distances are in meters.
    fn take_polygon(&mut self, call: &Call<'_>, at: usize) -> Result<usize> {
        const VERTICES_MIN: usize = 3;
        const NO_NUMBER: Error = Error::text("ERR invalid number of vertices");
        let vertices = call.int(at).map_err(|_| NO_NUMBER)?;
        let vertices = i32::try_from(vertices).map_err(|_| NO_NUMBER)?;
        let given = (call.len() - at - 1) / 2;
        let fits = |vertices: &usize| (VERTICES_MIN..=given).contains(vertices);
        let vertices = usize::try_from(vertices).ok().filter(fits);
        let few = Error::text("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
        let vertices = vertices.ok_or(few)?;
        let corners = (0..vertices).map(|n| point(call, at + 1 + 2 * n));
        let corners = corners.collect::<Result<Vec<Point>>>()?;
        self.center = Some(geo::centroid(&corners));
        self.shape = Some(Shape::Polygon(corners));
        self.unit = 1.0;
        Ok(2 * vertices)
    }

    /// What only all options together show, in Redis' order.
    fn check(&self, call: &Call<'_>, form: Form) -> Result<()> {
        if self.destination.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            return Err(Error::text(if form.searches() {
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            } else {
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and \
                 WITHCOORD options"
            }));
        }
        let exactly_one = |what: &str| {
            let name = c_text(call.arg(0));
            Err(Error::owned(format!("ERR exactly one of {what} can be specified for {name}")))
        };
        let is_polygon = matches!(self.shape, Some(Shape::Polygon(_)));
        if form.searches() && self.from.is_none() && !is_polygon {
            return exactly_one("FROMMEMBER or FROMLONLAT");
        }
        if form.searches() && self.shape.is_none() {
            return exactly_one("BYRADIUS, BYBOX and BYPOLYGON");
        }
        if self.any && self.count.is_none() {
            return Err(Error::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

fn place_of(zset: ZsetRef<'_>, member: &[u8]) -> Result<Point> {
    let score = zset.score(member);
    let missing = || Error::owned(format!("ERR member {} does not exist", c_text(member)));
    score.map(Point::of_score).ok_or_else(missing)
}
