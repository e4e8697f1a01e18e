//! Holds what a heap's segments say against what the heap believes.

use super::*;

impl PageHeap {
    /// Walks all segments and holds what it finds against what the heap believes.
    pub(in crate::paged) fn verify(&mut self) {
        let (mut used, mut free) = (0, 0);
        for segment in self.segments.clone() {
            let mut block = Block::first(segment);
            let (mut all, mut live, mut free_before) = (0, 0, None);
            while block.size() != 0 {
                assert_eq!(block.free_before(), free_before);
                assert!(block.size().is_multiple_of(GRANULE) && block.segment() == segment);
                all += block.size();
                if block.is_free() {
                    assert!(free_before.is_none(), "free neighbours are joined");
                    free += usize::from(!self.is_evacuating(segment));
                } else {
                    live += block.size();
                }
                free_before = block.is_free().then_some(block);
                block = block.next();
            }
            assert_eq!(block.free_before(), free_before);
            assert_eq!(all, CAPACITY);
            assert_eq!(live, self.live(segment));
            used += live;
        }
        assert_eq!(used, self.used);
        for (index, first) in self.bins.iter().enumerate() {
            assert_eq!(*first != NO_BLOCK, self.filled >> index & 1 != 0);
            let mut block = *first;
            while block != NO_BLOCK {
                assert!(block.is_free() && bin(block.size()) == index);
                free -= 1;
                block = block.link(0);
            }
        }
        assert_eq!(free, 0, "every free block is on a list");
    }
}
