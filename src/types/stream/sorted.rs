//! An ordered map as a value: items found by their key, over the copy-on-write B+tree. Pending
//! lists, consumers and groups are such maps, so freezing them costs nothing.

use crate::types::btree::{Edge, Leaf, Tree};
use std::borrow::Borrow;

/// What a [`Sorted`] holds: it knows its key.
pub trait Item: Clone + Send + Sync + 'static {
    /// The key.
    type Key: Ord + Clone + Send + Sync + 'static;

    /// Its key. Never changes while it is in a map.
    fn key(&self) -> &Self::Key;

    /// Bytes it has on the heap. In O(1).
    fn heap_bytes(&self) -> usize {
        0
    }
}

/// Items in the order of their keys, one for a key. A clone is O(1).
pub struct Sorted<T: Item> {
    tree: Tree<Run<T>>,
}

impl<T: Item> Clone for Sorted<T> {
    fn clone(&self) -> Self {
        Sorted { tree: self.tree.clone() }
    }
}

impl<T: Item + std::fmt::Debug> std::fmt::Debug for Sorted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: Item> Default for Sorted<T> {
    fn default() -> Self {
        Sorted { tree: Tree::new() }
    }
}

impl<T: Item> Sorted<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.tree.len()
    }

    /// Bytes on the heap. O(1).
    pub fn heap_bytes(&self) -> usize {
        self.tree.bytes()
    }

    /// The item with this key.
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&T>
    where
        T::Key: Borrow<Q>,
    {
        let run = self.tree.leaf_near(|sep| sep.borrow() <= key)?;
        run.items.get(run.place(key).ok()?)
    }

    /// The first item.
    pub fn first(&self) -> Option<&T> {
        self.tree.first_leaf()?.items.first()
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.tree.last_leaf()?.items.last()
    }

    /// Puts an item in, in the place of the one that has its key.
    pub fn insert(&mut self, item: T) -> Option<T> {
        let key = item.key().clone();
        self.tree.edit_near(|sep| *sep <= key, |run| run.insert(item))
    }

    /// Takes the item with this key out.
    pub fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<T>
    where
        T::Key: Borrow<Q>,
    {
        self.get(key)?;
        self.tree.edit_near(
            |sep| sep.borrow() <= key,
            |run| {
                let item = run.items.remove(run.place(key).ok()?);
                run.extra -= item.heap_bytes();
                Some(item)
            },
        )
    }

    /// Changes the item with this key.
    pub fn edit<Q: Ord + ?Sized, R>(&mut self, key: &Q, f: impl FnOnce(&mut T) -> R) -> Option<R>
    where
        T::Key: Borrow<Q>,
    {
        self.get(key)?;
        self.tree.edit_near(
            |sep| sep.borrow() <= key,
            |run| {
                let place = run.place(key).ok()?;
                let item = &mut run.items[place];
                let before = item.heap_bytes();
                let answer = f(item);
                run.extra = run.extra - before + item.heap_bytes();
                Some(answer)
            },
        )
    }

    /// All items in order, from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.tree.leaves(..).flat_map(|(_, run)| run.items.iter())
    }

    /// The items from `key` on, in order.
    pub fn from<'a>(&'a self, key: &T::Key) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let rank = self.rank(key);
        self.tree.leaves(rank..).flat_map(move |(first, run)| {
            run.items.get(rank.saturating_sub(first)..).unwrap_or_default()
        })
    }

    /// How many items have a smaller key. O(log n).
    pub fn rank<Q: Ord + ?Sized>(&self, key: &Q) -> usize
    where
        T::Key: Borrow<Q>,
    {
        let found = self.tree.leaf_for(|sep| sep.borrow() <= key);
        found.map_or(0, |(run, first)| first + run.place(key).unwrap_or_else(|place| place))
    }
}

impl<T: Item> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut all = Sorted::default();
        for item in items {
            all.insert(item);
        }
        all
    }
}

/// A leaf: some items in order.
struct Run<T> {
    items: Vec<T>,
    /// Heap bytes of the items.
    extra: usize,
}

impl<T: Clone> Clone for Run<T> {
    fn clone(&self) -> Self {
        let mut items = Vec::with_capacity(self.items.capacity());
        items.extend(self.items.iter().cloned());
        Run { items, extra: self.extra }
    }
}

impl<T> Default for Run<T> {
    fn default() -> Self {
        Run { items: Vec::new(), extra: 0 }
    }
}

impl<T: Item> Run<T> {
    /// Items a leaf has at most: 2 KiB of them, as a write copies a shared leaf.
    const MAX: usize = {
        let fit = 2048 / size_of::<T>();
        if fit < 8 { 8 } else { fit }
    };

    fn place<Q: Ord + ?Sized>(&self, key: &Q) -> Result<usize, usize>
    where
        T::Key: Borrow<Q>,
    {
        self.items.binary_search_by(|item| item.key().borrow().cmp(key))
    }

    fn insert(&mut self, item: T) -> Option<T> {
        self.extra += item.heap_bytes();
        match self.place(item.key()) {
            Ok(place) => {
                let old = std::mem::replace(&mut self.items[place], item);
                self.extra -= old.heap_bytes();
                Some(old)
            }
            Err(place) => {
                if self.items.len() == self.items.capacity() {
                    let more = (self.items.len() / 2).clamp(1, Self::MAX);
                    self.items.reserve_exact(more);
                }
                self.items.insert(place, item);
                None
            }
        }
    }

    fn take_from(&mut self, at: usize) -> Self {
        let items = self.items.split_off(at);
        let extra = items.iter().map(Item::heap_bytes).sum();
        self.extra -= extra;
        Run { items, extra }
    }
}

impl<T: Item> Leaf for Run<T>
where
    T::Key: PartialEq,
{
    type Sep = T::Key;

    fn sep(&self) -> T::Key {
        self.items[0].key().clone()
    }

    fn count(&self) -> usize {
        self.items.len()
    }

    fn heap_bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.extra
    }

    fn is_over(&self) -> bool {
        self.items.len() > Self::MAX
    }

    fn is_under(&self) -> bool {
        self.items.len() < Self::MAX / 4
    }

    fn split(&mut self, edge: Edge) -> Self {
        let len = self.items.len();
        let right = self.take_from(match edge {
            Edge::First => len / 8 + 1,
            Edge::Inside => len / 2,
            Edge::Last => len - len / 8 - 1,
        });
        self.items.shrink_to_fit();
        right
    }

    fn split_off(&mut self, at: usize) -> Self {
        self.take_from(at)
    }

    fn can_absorb(&self, right: &Self) -> bool {
        self.items.len() + right.items.len() <= Self::MAX
    }

    fn absorb(&mut self, right: Self) {
        self.items.reserve_exact(right.items.len());
        self.extra += right.extra;
        self.items.extend(right.items);
    }
}
