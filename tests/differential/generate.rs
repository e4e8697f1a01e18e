//! Draws requests from the grammar: mostly valid, sometimes spoiled, the rarely drawn options
//! first.

use super::domain::Domain;
use super::grammar::{Form, Grammar};
use super::keys::{self, THROWAWAY};
use super::policy::{self, Compare};
use coolcache::command::Group;
use coolcache::command::syntax::{Argument, Kind};
use std::collections::{HashMap, VecDeque};

/// A request with what is known of it.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its words.
    pub words: Vec<Vec<u8>>,
    /// Index of its form; none if it is of no command.
    pub form: Option<usize>,
    /// How the replies are compared.
    pub compare: Compare,
    /// The tokens in it, if it was not spoiled.
    pub tokens: Vec<&'static str>,
    /// Whether it is answered (CLIENT REPLY may say it is not).
    pub answered: bool,
}

/// Draws requests.
pub struct Generator<'g> {
    grammar: &'g Grammar,
    /// The values.
    pub domain: Domain,
    /// Forms as often as they are to be drawn.
    lots: Vec<usize>,
    /// How often each token of each form was drawn.
    drawn: HashMap<(usize, &'static str), u64>,
    /// How often each form was answered by an error.
    errors: Vec<u64>,
    /// What came so often is not rare any more.
    often: u64,
    /// Requests that make up for errors, to be sent soon.
    repairs: VecDeque<Request>,
}

/// A database that nothing is ever stored in.
const EMPTY: &[u8] = b"9";

/// A request under construction.
#[derive(Default)]
struct Draft {
    words: Vec<Vec<u8>>,
    tokens: Vec<&'static str>,
    /// Where a count of what follows is to be filled in.
    count_at: Option<usize>,
    /// How many keys there are.
    keys: usize,
}

impl<'g> Generator<'g> {
    /// A generator whose draws follow from `seed`, and which sees to it that every option and an
    /// error of every command come `often`.
    pub fn new(grammar: &'g Grammar, seed: u64, often: u64) -> Generator<'g> {
        let forms = grammar.forms.iter().enumerate();
        let lots = forms.flat_map(|(n, form)| std::iter::repeat_n(n, lots_of(form))).collect();
        let errors = vec![0; grammar.forms.len()];
        Generator {
            grammar,
            domain: Domain::new(seed),
            lots,
            drawn: HashMap::new(),
            errors,
            often,
            repairs: VecDeque::new(),
        }
    }

    /// Learns that a request was answered by an error: as long as a form had few, it is spoiled
    /// more often. What stands in the way of a type is mostly deleted, and a group that is missing
    /// created, so that most commands do something.
    pub fn had_error(&mut self, request: &Request, error: &[u8]) {
        const REPAIRED_PERCENT: u64 = 60;
        let Some(form) = request.form else { return };
        self.errors[form] += 1;
        if !self.domain.percent(REPAIRED_PERCENT) {
            return;
        }
        let keys = request.words.iter().filter(|word| keys::is_of_collection(word));
        if error.starts_with(b"WRONGTYPE") {
            for key in keys.cloned().collect::<Vec<_>>() {
                self.repairs.push_back(self.plain("unlink", &[&key], Compare::Equal));
            }
        } else if (error.starts_with(b"NOGROUP") || error.starts_with(b"ERR The XGROUP"))
            && self.grammar.has("xgroup|create")
        {
            let groups =
                request.words.iter().find(|word| matches!(word.as_slice(), b"group1" | b"group2"));
            let group = groups.cloned().unwrap_or_else(|| b"group1".to_vec());
            for key in keys.cloned().collect::<Vec<_>>() {
                let arguments: &[&[u8]] = &[&key, &group, b"0", b"MKSTREAM"];
                self.repairs.push_back(self.plain("xgroup|create", arguments, Compare::Equal));
            }
        }
    }

    /// The next requests, appended: usually one, more where they belong together.
    pub fn draw(&mut self, requests: &mut Vec<Request>) {
        if self.domain.percent(1) {
            requests.push(self.of_no_command());
            return;
        }
        if let Some(repair) = self.repairs.pop_front() {
            requests.push(repair);
            return;
        }
        let form = self.next_form();
        let request = self.request(form);
        let select = |db: &[u8]| self.plain("select", &[db], Compare::Equal);
        match self.grammar.forms[form].name.as_str() {
            "client|reply" => self.silence(request, requests),
            "randomkey" => {
                let keys = self.plain("keys", &[b"*"], Compare::Unordered);
                let (of_empty, back) = (select(EMPTY), select(b"0"));
                if self.domain.percent(10) {
                    requests.extend([of_empty, request, keys, back]);
                } else {
                    requests.extend([request, keys]);
                }
            }
            // The options are to be seen, but the data shall grow.
            "flushdb" => {
                let (of_empty, back) = (select(EMPTY), select(b"0"));
                if self.domain.percent(80) {
                    requests.extend([of_empty, request, back]);
                } else {
                    requests.push(request);
                }
            }
            "flushall" => {
                requests.push(request);
                requests.extend((0..10).map(|_| self.request(form)));
            }
            "hrandfield" => self.drawn_of("hgetall", &[], request, requests),
            "srandmember" => self.drawn_of("smembers", &[], request, requests),
            "zrandmember" => {
                self.drawn_of("zrange", &[b"0", b"-1", b"WITHSCORES"], request, requests)
            }
            // The peers turn a sorted set that they sort into a large one, in SORT_RO too.
            "sort" | "sort_ro" if request.words.len() > 1 => self.of_copy(request, requests),
            "xsetid" if self.domain.is_old && request.words.len() > 1 => {
                self.of_copy(request, requests);
            }
            // Only among equal scores is it said what lies between two members.
            name if needs_equal_scores(name, &request.words) => {
                self.of_equal_scores(request, requests);
            }
            "xadd" => {
                let run = self.domain.percent(2).then(|| request.words.get(1).cloned()).flatten();
                self.clockless(request, requests);
                if let Some(key) = run {
                    self.run_of_entries(&key, requests);
                }
            }
            _ if request.words.iter().any(|word| word == THROWAWAY) => {
                let delete = self.plain("del", &[THROWAWAY], Compare::Kind);
                requests.extend([request, delete]);
            }
            _ => requests.push(request),
        }
    }

    /// A request for anything of a key, and then one for all of it.
    fn drawn_of(&self, all: &str, rest: &[&[u8]], request: Request, to: &mut Vec<Request>) {
        let key = request.words.get(1).cloned().unwrap_or_default();
        let arguments: Vec<&[u8]> =
            std::iter::once(key.as_slice()).chain(rest.iter().copied()).collect();
        let all = self.plain(all, &arguments, Compare::Skipped);
        to.extend([request, all]);
    }

    /// A request about a copy of the key, so that what it makes of it goes no further.
    fn of_copy(&self, mut request: Request, requests: &mut Vec<Request>) {
        let source = std::mem::replace(&mut request.words[1], THROWAWAY.to_vec());
        let copy = self.plain("copy", &[&source, THROWAWAY, b"REPLACE"], Compare::Equal);
        let delete = self.plain("del", &[THROWAWAY], Compare::Equal);
        requests.extend([copy, request, delete]);
    }

    /// A request about members between two others, about a copy whose scores are all 0.
    fn of_equal_scores(&self, mut request: Request, requests: &mut Vec<Request>) {
        let is_store = request.words[0].eq_ignore_ascii_case(b"zrangestore");
        let source =
            std::mem::replace(&mut request.words[if is_store { 2 } else { 1 }], THROWAWAY.to_vec());
        // 0 and -0 make 0 of every score.
        let level: &[&[u8]] = &[THROWAWAY, b"2", THROWAWAY, THROWAWAY, b"WEIGHTS", b"0", b"-0"];
        requests.extend([
            self.plain("copy", &[&source, THROWAWAY, b"REPLACE"], Compare::Equal),
            self.plain("zunionstore", level, Compare::Equal),
            request,
            self.plain("zrange", &[THROWAWAY, b"0", b"-1"], Compare::Equal),
            self.plain("del", &[THROWAWAY], Compare::Equal),
        ]);
    }

    /// XADD, whose entry gets no id from a clock unless it is deleted right after.
    fn clockless(&self, request: Request, requests: &mut Vec<Request>) {
        if request.words.len() < 2 || request.words[2..].iter().all(|word| word != b"*") {
            requests.push(request);
            return;
        }
        let mut request = Request { compare: Compare::Kind, ..request };
        request.words[1] = THROWAWAY.to_vec();
        let delete = self.plain("del", &[THROWAWAY], Compare::Equal);
        requests.extend([request, delete]);
    }

    /// Enough entries to fill nodes.
    fn run_of_entries(&mut self, key: &[u8], requests: &mut Vec<Request>) {
        self.domain.last_key = key.to_vec();
        for _ in 0..self.domain.rng.below(200) + 30 {
            let id = self.domain.new_id();
            let (field, value) = (self.domain.member(), self.domain.member());
            let arguments: &[&[u8]] = &[key, &id, &field, &value];
            requests.push(self.plain("xadd", arguments, Compare::Equal));
        }
    }

    /// By lot, but now and then one of which something is rare.
    fn next_form(&mut self) -> usize {
        let any = self.lots[self.domain.rng.index(self.lots.len())];
        if self.domain.percent(85) {
            return any;
        }
        let forms = self.grammar.forms.iter().enumerate();
        let rare: Vec<usize> =
            forms.filter(|(n, form)| self.is_rare(*n, form)).map(|(n, _)| n).collect();
        if rare.is_empty() { any } else { rare[self.domain.rng.index(rare.len())] }
    }

    fn is_rare(&self, n: usize, form: &Form) -> bool {
        let mut arguments = form.arguments.iter();
        arguments.any(|argument| self.times_drawn(n, argument) < self.often)
            || is_safe_spoiled(&form.name) && self.errors[n] < self.often
    }

    /// A request given in full.
    pub fn plain(&self, name: &str, arguments: &[&[u8]], compare: Compare) -> Request {
        let form = self.grammar.form(name);
        let words = self.grammar.forms[form].words.iter().map(|word| word.as_bytes());
        let words = words.chain(arguments.iter().copied()).map(<[u8]>::to_vec).collect();
        Request { words, form: Some(form), compare, tokens: Vec::new(), answered: true }
    }

    fn request(&mut self, n: usize) -> Request {
        let grammar = self.grammar;
        let form = &grammar.forms[n];
        let mut draft = Draft::default();
        self.domain.begin(form.group, is_growing(&form.name));
        draft.words.extend(form.words.iter().map(|word| self.cased(word)));
        match form.name.as_str() {
            "command|getkeys" | "command|getkeysandflags" => self.another(&mut draft),
            "config|set" => self.parameters(&mut draft),
            _ => self.sequence(n, &form.arguments, &mut draft),
        }
        if form.name == "client|kill" {
            // Whatever else it says, this matches nobody.
            draft.words.extend([b"LADDR".to_vec(), b"192.0.2.9:9".to_vec()]);
        } else if is_safe_spoiled(&form.name) {
            let percent = if self.errors[n] < self.often { 40 } else { 5 };
            if self.domain.percent(percent) {
                self.spoil(form, &mut draft);
            }
        }
        self.mend(&form.name, &mut draft);
        let Draft { words, tokens, .. } = draft;
        let compare = policy::compare_words(&form.name, form.compare, &words);
        Request { words, form: Some(n), compare, tokens, answered: true }
    }

    /// What depends on several arguments.
    fn mend(&mut self, name: &str, draft: &mut Draft) {
        let has = |words: &[Vec<u8>], token: &str| {
            words.iter().any(|word| word.eq_ignore_ascii_case(token.as_bytes()))
        };
        let words = &mut draft.words;
        // Valkey 9.1 takes a key with this name for the word before the fields, ...
        if matches!(name, "hsetex" | "hgetex") && words.len() > 1 && has(&words[1..2], "FIELDS") {
            words.truncate(1);
        }
        // ... and going backwards in a large sorted set a negative offset for one from the other
        // end.
        if let Some(limit) = words.iter().position(|word| word.eq_ignore_ascii_case(b"LIMIT"))
            && let Some(offset) = words.get_mut(limit + 1)
            && name.starts_with('z')
            && offset.starts_with(b"-")
        {
            *offset = b"0".to_vec();
        }
        match name {
            "zrange" | "zrangestore" => {
                let min = if name == "zrange" { 2 } else { 3 };
                if words.len() < min + 2 || self.domain.percent(5) {
                    return;
                }
                let is_reversed = has(words, "REV");
                for (at, is_max) in [(min, is_reversed), (min + 1, !is_reversed)] {
                    words[at] = if has(words, "BYSCORE") {
                        self.domain.score_bound(is_max)
                    } else if has(words, "BYLEX") {
                        self.domain.lex_bound(is_max)
                    } else {
                        self.domain.index()
                    };
                }
            }
            // Which ones ANY finds is up to the server, and in which order ties come when sorted by
            // something else than themselves.
            "geosearchstore" if has(words, "ANY") && words.len() > 2 => {
                words[1] = THROWAWAY.to_vec();
            }
            "georadius" | "georadiusbymember" if has(words, "ANY") => {
                store_away(words, &["STORE", "STOREDIST"])
            }
            // Sums of places need 17 digits.
            "zunionstore" | "zinterstore" if self.domain.is_old && words.len() > 1 => {
                words[1] = THROWAWAY.to_vec();
            }
            "georadius" | "georadiusbymember" if self.domain.is_old => {
                store_away(words, &["STOREDIST"]);
            }
            // Redis 7.0 prints distances with 17 digits; from a polygon the last ones differ.
            "geosearchstore"
                if (self.domain.is_old || has(words, "BYPOLYGON")) && words.len() > 2 =>
            {
                words[1] = THROWAWAY.to_vec();
            }
            "sort" if has(words, "BY") || self.domain.is_old => store_away(words, &["STORE"]),
            _ => {}
        }
    }

    fn sequence(&mut self, n: usize, arguments: &'g [Argument<'static>], draft: &mut Draft) {
        let required = arguments.iter().take_while(|argument| !argument.optional).count();
        let (first, options) = arguments.split_at(required);
        first.iter().for_each(|argument| self.argument(n, argument, draft));
        let mut options: Vec<_> = options.iter().collect();
        let movable = |argument: &&Argument<'_>| {
            argument.optional
                && !matches!(argument.kind, Kind::Block(_) if argument.token.is_none())
        };
        if options.iter().all(movable) && self.domain.percent(50) {
            for last in (1..options.len()).rev() {
                options.swap(last, self.domain.rng.index(last + 1));
            }
        }
        options.into_iter().for_each(|argument| self.argument(n, argument, draft));
    }

    fn argument(&mut self, n: usize, argument: &'g Argument<'static>, draft: &mut Draft) {
        if argument.optional && !self.includes(n, argument) {
            return;
        }
        let mut times = 1;
        while argument.multiple && times < 6 && self.domain.percent(50) {
            times += 1;
        }
        match argument.kind {
            Kind::Value("id" | "weight")
                if draft.keys > 0 && argument.multiple && !self.domain.percent(3) =>
            {
                times = draft.keys;
            }
            Kind::Value("id" | "weight") if draft.keys > 0 => {}
            Kind::Value("key") if argument.multiple => draft.keys = times,
            _ if argument.multiple && self.domain.has_run() => {
                times = 20 + self.domain.rng.index(600);
            }
            _ => {}
        }
        if let Some(at) = draft.count_at.take() {
            let count = if self.domain.percent(95) { times } else { self.domain.rng.index(5) };
            draft.words[at] = count.to_string().into_bytes();
        }
        for time in 0..times {
            if let Some(token) = argument.token
                && (time == 0 || argument.multiple_token)
            {
                let word = self.cased(token);
                draft.words.push(word);
                draft.tokens.push(token);
                *self.drawn.entry((n, token)).or_default() += 1;
            }
            self.kind(n, &argument.kind, draft);
        }
    }

    fn kind(&mut self, n: usize, kind: &'g Kind<'static>, draft: &mut Draft) {
        match kind {
            Kind::Token => {}
            Kind::Value("numkeys" | "numfields" | "num-vertices") => {
                draft.count_at = Some(draft.words.len());
                draft.words.push(Vec::new());
            }
            Kind::Value(name) => {
                let form = &self.grammar.forms[n];
                let value = self.domain.value(form.group, &form.name, name);
                draft.words.push(value);
            }
            Kind::Block(parts) => self.sequence(n, parts, draft),
            Kind::OneOf(choices) => {
                let rarest = choices.iter().min_by_key(|choice| self.times_drawn(n, choice));
                let rarest = rarest.filter(|_| self.domain.percent(50));
                let any = &choices[self.domain.rng.index(choices.len())];
                self.argument(n, rarest.unwrap_or(any), draft);
            }
        }
    }

    /// Whether an optional argument comes: of many options few at a time, the rarely drawn ones
    /// more often.
    fn includes(&mut self, n: usize, argument: &Argument<'static>) -> bool {
        let options = self.grammar.forms[n].options.max(1) as u64;
        let percent = (200 / options).clamp(4, 40);
        // Most options keep something from being added.
        let percent = if is_growing(&self.grammar.forms[n].name) { percent / 3 } else { percent };
        let is_rare = self.times_drawn(n, argument) < self.often;
        self.domain.percent(if is_rare { percent * 2 } else { percent })
    }

    /// How often an argument was drawn: the rarest of its tokens.
    fn times_drawn(&self, n: usize, argument: &Argument<'static>) -> u64 {
        let drawn = |token| self.drawn.get(&(n, token)).copied().unwrap_or(0);
        let own = argument.token.map_or(u64::MAX, drawn);
        match &argument.kind {
            Kind::Block(parts) | Kind::OneOf(parts) => {
                let parts = parts.iter().map(|part| self.times_drawn(n, part));
                parts.min().map_or(own, |rarest| rarest.min(own))
            }
            Kind::Token | Kind::Value(_) => own,
        }
    }

    /// The words of another request, as an argument.
    fn another(&mut self, draft: &mut Draft) {
        let form = self.lots[self.domain.rng.index(self.lots.len())];
        if self.grammar.forms[form].name.starts_with("command|") {
            draft.words.push(b"nosuchcommand".to_vec());
            return;
        }
        let words = self.request(form).words;
        draft.words.extend(words);
    }

    fn parameters(&mut self, draft: &mut Draft) {
        loop {
            let (name, value) = self.domain.parameter();
            draft.words.extend([name, value]);
            if self.domain.percent(80) {
                return;
            }
        }
    }

    /// A word in its own, upper or mixed case.
    fn cased(&mut self, word: &str) -> Vec<u8> {
        match self.domain.rng.below(20) {
            0 => word.to_ascii_uppercase().into_bytes(),
            1 => word.to_ascii_lowercase().into_bytes(),
            2 => {
                let mut bytes = word.as_bytes().to_vec();
                bytes[0] ^= if bytes[0].is_ascii_alphabetic() { 0x20 } else { 0 };
                bytes
            }
            _ => word.as_bytes().to_vec(),
        }
    }

    /// Makes a request wrong: an argument missing, one too many, one of the wrong kind, one twice.
    fn spoil(&mut self, form: &Form, draft: &mut Draft) {
        draft.tokens.clear();
        let (head, len) = (form.words.len(), draft.words.len());
        let junk = self.domain.junk();
        if len == head {
            draft.words.push(junk);
            return;
        }
        let at = head + self.domain.rng.index(len - head);
        // What waits shall not wait long.
        let how =
            if waits(&form.name) { self.domain.one(&[0, 5, 6]) } else { self.domain.rng.below(6) };
        match how {
            // Of what takes any number of arguments only none is too few.
            0 => draft.words.truncate(head),
            5 => draft.words.truncate(at),
            1 => draft.words.push(junk),
            6 => draft.words.push(b"x".to_vec()),
            2 => {
                let last = draft.words[at..].to_vec();
                draft.words.extend(last);
            }
            3 => drop(draft.words.remove(at)),
            _ => draft.words[at] = junk,
        }
    }

    fn of_no_command(&mut self) -> Request {
        const NAMES: &[&[u8]] = &[b"nosuch", b"", b"GETT", b"client", b"object", b"a\r\nb", b"'q'"];
        let mut words = vec![NAMES[self.domain.rng.index(NAMES.len())].to_vec()];
        for _ in 0..self.domain.rng.below(4) {
            // Not empty, or GET or the like would follow `client`.
            words.push(b"nosuch".to_vec());
            words.push(self.domain.string());
        }
        let compare = Compare::Equal;
        Request { words, form: None, compare, tokens: Vec::new(), answered: true }
    }

    /// CLIENT REPLY with what it silences, and replies on again.
    fn silence(&mut self, reply: Request, requests: &mut Vec<Request>) {
        let switch = reply.words.get(2).map(|word| word.to_ascii_uppercase());
        let switch = switch.unwrap_or_default();
        if !matches!(switch.as_slice(), b"OFF" | b"SKIP") || reply.words.len() != 3 {
            requests.push(reply);
            return;
        }
        let (key, value) = (self.domain.key(), self.domain.string());
        let unheard = self.plain("setnx", &[&key, &value], Compare::Equal);
        requests.push(Request { answered: false, ..reply });
        requests.push(Request { answered: false, ..unheard });
        if switch == b"OFF" {
            requests.push(self.plain("client|reply", &[b"ON"], Compare::Equal));
        }
    }
}

/// Lets a command store its result in the key that is deleted next.
fn store_away(words: &mut [Vec<u8>], tokens: &[&str]) {
    let is_token =
        |word: &[u8]| tokens.iter().any(|token| word.eq_ignore_ascii_case(token.as_bytes()));
    for at in 1..words.len() {
        if is_token(&words[at - 1]) {
            words[at] = THROWAWAY.to_vec();
        }
    }
}

/// Whether a request asks for members between two others.
fn needs_equal_scores(name: &str, words: &[Vec<u8>]) -> bool {
    let by_lex = || words.iter().any(|word| word.eq_ignore_ascii_case(b"BYLEX"));
    match name {
        "zlexcount" | "zrangebylex" | "zrevrangebylex" | "zremrangebylex" => words.len() > 1,
        "zrange" => words.len() > 1 && by_lex(),
        "zrangestore" => words.len() > 2 && by_lex(),
        _ => false,
    }
}

/// Whether a command may make a collection large at once.
fn is_growing(name: &str) -> bool {
    matches!(
        name,
        "rpush" | "lpush" | "sadd" | "hset" | "zadd" | "geoadd" | "hmset" | "hsetex" | "xadd"
    )
}

/// Whether a command may wait for others.
fn waits(name: &str) -> bool {
    matches!(
        name,
        "blpop"
            | "brpop"
            | "blmove"
            | "brpoplpush"
            | "blmpop"
            | "bzpopmin"
            | "bzpopmax"
            | "bzmpop"
            | "blmovem"
            | "xread"
            | "xreadgroup"
    )
}

/// How often a form is drawn, compared with others: what touches data most, what empties it least.
fn lots_of(form: &Form) -> usize {
    match (form.group, form.name.as_str()) {
        (_, "flushall" | "flushdb" | "swapdb") => 2,
        (_, "debug|reload" | "debug|digest") => 4,
        (_, "set" | "getex" | "msetex" | "restore" | "scan") => 60,
        (_, "object|idletime" | "object|encoding") => 80,
        (_, "debug|protocol") => 120,
        (_, "pfadd") => 40,
        (_, "xreadgroup" | "xclaim" | "xautoclaim" | "xpending") => 60,
        (_, "ltrim" | "zremrangebyrank" | "zremrangebyscore" | "zremrangebylex") => 10,
        (_, "zpopmin" | "zpopmax" | "zmpop" | "hdel" | "zrem" | "hgetdel") => 10,
        (_, "zadd") => 400,
        (_, name) if is_growing(name) => 200,
        (Group::List | Group::Set | Group::Hash | Group::SortedSet, _) if waits(&form.name) => 25,
        (Group::List | Group::Set | Group::Hash | Group::SortedSet, _) => 25,
        (Group::Geo | Group::Stream, _) => 25,
        (Group::String | Group::Generic, _) => 30,
        (Group::Bitmap | Group::HyperLogLog, _) => 15,
        (Group::Cluster, _) => 3,
        _ => 12,
    }
}

/// Whether a request of this form may be spoiled in any way without harm to the run.
fn is_safe_spoiled(name: &str) -> bool {
    match name {
        // It would change who answers.
        "client|reply" | "client|kill" => false,
        // Some parameters are dangerous.
        "config|set" => false,
        // HELLO with two names is the one thing that Redis 7.0 leaves half done.
        "hello" => false,
        // Without its first word a command in it may become one that we do not have yet.
        "command|getkeys" | "command|getkeysandflags" => false,
        // DEBUG has dangerous subcommands.
        _ => !name.starts_with("debug|"),
    }
}
