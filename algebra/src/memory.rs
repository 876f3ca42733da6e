//! Memory for tables that are read at random.

/// The size of a huge page on x86-64 and on most of AArch64. On other systems the advice covers
/// whole small pages just as well.
const HUGE_PAGE: usize = 2 << 20;

/// A vector of so many default elements, on huge pages where the system has them: reading at random
/// from small ones, the processor waits for the pages' addresses.
pub(crate) fn on_huge_pages<T: Clone + Default>(len: usize) -> Vec<T> {
    let mut elements = Vec::with_capacity(len);
    advise(&elements.spare_capacity_mut()[..len]);
    elements.resize(len, T::default());
    elements
}

/// Asks for the huge pages that lie within a slice's memory. To be called before that is first
/// written.
fn advise<T>(elements: &[T]) {
    #[cfg(target_os = "linux")]
    {
        let memory = elements.as_ptr_range();
        let start = (memory.start as usize).next_multiple_of(HUGE_PAGE);
        let bytes = (memory.end as usize).saturating_sub(start);
        if bytes >= HUGE_PAGE {
            // SAFETY: the range lies within memory of ours, and the advice changes nothing but the
            // size of its pages. That it may fail, where the system knows no huge pages, does no
            // harm.
            unsafe { libc::madvise(start as *mut libc::c_void, bytes, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (elements, HUGE_PAGE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_elements_are_there_and_default() {
        for len in [0, 1, HUGE_PAGE / 8 - 1, HUGE_PAGE / 8, 3 * HUGE_PAGE / 8 + 5] {
            let elements: Vec<u64> = on_huge_pages(len);
            assert_eq!(elements.len(), len);
            assert!(elements.iter().all(|element| *element == 0));
        }
    }
}
