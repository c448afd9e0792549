//! The one integration binary: features through GraphQL and HTTP only, and the invariants of ARCHITECTURE.md.

mod access;
mod contract;
mod pages;
mod tidy;
