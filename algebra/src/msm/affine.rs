//! Many additions of affine points at once, with one inversion for all (Montgomery's trick): 5
//! multiplications, 1 squaring and a share of the inversion for each, against 7 for mixed twisted
//! Edwards and 10 for mixed Jacobian coordinates.
//!
//! An addition runs in two passes. The first computes the differences `dx` of the x-coordinates and
//! their running products; the second goes backwards from the inverse of the whole product and
//! finishes each addition. Even and odd vectors make up two chains, so that two multiplications
//! that do not wait for each other stand side by side.
//!
//! Additions whose `dx` is zero (doublings, and points that cancel) have no slope. They show in the
//! product, which then is zero, and are taken out: finding them costs nothing as long as there are
//! none.

use super::lanes::Lanes;

/// Differences, products and masks of one batch of additions.
pub(crate) struct Batch<L> {
    /// The differences, a value for each vector.
    pub(crate) dx: Vec<L>,
    /// Entry v is the product of the differences of the vectors v−2, v−4 …; once they are inverted,
    /// entry v+2 is the inverse of the product of the vectors v, v−2 …
    products: Vec<L>,
    /// Which lanes take part.
    pub(crate) masks: Vec<u8>,
}

/// What an addition needs besides, and leaves behind.
pub(crate) struct Work<L> {
    pub(crate) inverse: L,
    pub(crate) numerator: L,
    pub(crate) slope: L,
    pub(crate) difference: L,
    pub(crate) x: L,
    pub(crate) y: L,
}

impl<L: Lanes> Batch<L> {
    /// For at most `vectors` vectors at once.
    pub(crate) fn new(vectors: usize) -> Self {
        Self {
            dx: vec![L::one(); vectors],
            products: vec![L::one(); vectors + 2],
            masks: vec![0; vectors],
        }
    }

    /// Multiplies the difference of a vector, which stands in `dx`, to its chain. Lanes outside the
    /// mask take no part. The vectors come in rising order.
    #[inline(always)]
    pub(crate) fn push(&mut self, vector: usize, mask: u8) {
        let dx = &mut self.dx[vector];
        if mask != L::ALL {
            *dx = L::select(mask, dx, &L::one());
        }
        self.masks[vector] = mask;
        if vector < 2 {
            self.products[vector] = L::one();
        }
        let (products, next) = self.products.split_at_mut(vector + 2);
        L::mul(&mut next[0], &products[vector], dx);
    }

    /// Inverts the products of the first `vectors` vectors. Lanes whose difference is zero are
    /// taken out of their masks first, and `excluded` is told: vector and lanes.
    #[inline(always)]
    pub(crate) fn invert(&mut self, vectors: usize, excluded: impl FnMut(usize, u8)) {
        let mut product = L::one();
        L::mul(&mut product, &self.products[vectors], &self.products[vectors + 1]);
        let inverse = match L::inverse(&product) {
            Some(inverse) => inverse,
            None => {
                self.exclude_zeros(vectors, excluded);
                L::mul(&mut product, &self.products[vectors], &self.products[vectors + 1]);
                // Every factor is now other than zero, and so is their product.
                L::inverse(&product).unwrap_or(L::one())
            }
        };
        let (even, odd) = (self.products[vectors], self.products[vectors + 1]);
        L::mul(&mut self.products[vectors], &inverse, &odd);
        L::mul(&mut self.products[vectors + 1], &inverse, &even);
    }

    #[cold]
    #[inline(never)]
    fn exclude_zeros(&mut self, vectors: usize, mut excluded: impl FnMut(usize, u8)) {
        for vector in 0..vectors {
            let mask = self.masks[vector];
            let zeros = self.dx[vector].zero_lanes() & mask;
            if zeros != 0 {
                excluded(vector, zeros);
            }
            self.push(vector, mask & !zeros);
        }
    }

    /// `1/dx` of a vector, as a factor. The vectors must come in falling order, each once.
    #[inline(always)]
    pub(crate) fn inverse(&mut self, out: &mut L, vector: usize) {
        let (products, next) = self.products.split_at_mut(vector + 2);
        L::mul(out, &next[0], &products[vector]);
        L::mul(&mut products[vector], &next[0], &self.dx[vector]);
    }
}

impl<L: Lanes> Work<L> {
    pub(crate) fn new() -> Self {
        let one = L::one();
        Self { inverse: one, numerator: one, slope: one, difference: one, x: one, y: one }
    }
}
