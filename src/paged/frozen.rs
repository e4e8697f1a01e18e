//! A table as it was at one moment.

use std::ops::ControlFlow;

use super::node::Root;
use super::ptr::PagePtr;
use super::{Entry, Object, Table};

/// A read-only copy of a table as of when it was frozen. Made in O(1); sharing costs a page copy
/// only where the table is written afterwards.
pub struct Frozen<O>(Table<O>);

impl<O> Clone for Frozen<O> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<O: Object> Frozen<O> {
    pub(super) fn new(table: Table<O>) -> Self {
        Self(table)
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that can be read from a table.
    pub fn table(&self) -> &Table<O> {
        &self.0
    }

    /// The entry with this key.
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<Entry<'_, O>> {
        self.0.get(hash, key)
    }

    /// As [`Table::walk`].
    pub fn walk(&self, f: impl FnMut(Entry<'_, O>) -> ControlFlow<()>) -> ControlFlow<()> {
        self.0.walk(f)
    }

    /// As [`Table::scan`].
    pub fn scan(&self, cursor: u64, f: &mut dyn FnMut(Entry<'_, O>)) -> u64 {
        self.0.scan(cursor, f)
    }

    /// Visits all entries, and lets go of everything visited at once: a snapshot that is being
    /// written shrinks as it goes, and writes to what it is done with copy nothing any more.
    pub fn into_walk(self, mut f: impl FnMut(Entry<'_, O>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut visit = |page: &PagePtr<O>| {
            for page in page.chain() {
                for index in 0..page.entries() {
                    f(page.entry(index))?;
                }
            }
            ControlFlow::Continue(())
        };
        match self.0.root {
            Root::Empty => ControlFlow::Continue(()),
            Root::Page(page) => visit(&page),
            Root::Directory(directory) => {
                // Our own list of the nodes, so that the directory itself is let go first.
                let nodes: Vec<_> = directory.nodes.iter().flatten().cloned().collect();
                drop(directory);
                for mut node in nodes {
                    match node.get_mut() {
                        // Nobody else has this node any more: its pages can go one by one.
                        Some(node) => {
                            for page in node.slots.drain(..).flatten() {
                                visit(&page)?;
                            }
                        }
                        None => node.each_page(&mut visit)?,
                    }
                }
                ControlFlow::Continue(())
            }
        }
    }
}
