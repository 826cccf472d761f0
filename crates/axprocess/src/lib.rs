//! The Linux process model.
#![no_std]
