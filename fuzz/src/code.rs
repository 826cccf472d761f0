//! Data as bytes, both ways: every sequence of bytes means something, and whatever there is can be written so that it is read back.
//!
//! The fuzzer makes the bytes; the other way gives it a corpus to begin with.

/// What is read from bytes and written to them.
pub(crate) trait Code: Sized {
    /// Reads one. Bytes that are missing are 0.
    fn read(from: &mut &[u8]) -> Self;

    /// Writes it, so that it is read back.
    fn write(&self, to: &mut Vec<u8>);
}

macro_rules! integers {
    ($($integer:ty),*) => {$(
        impl Code for $integer {
            fn read(from: &mut &[u8]) -> Self {
                let mut bytes = [0; size_of::<Self>()];
                let (own, rest) = from.split_at(from.len().min(bytes.len()));
                bytes[..own.len()].copy_from_slice(own);
                *from = rest;
                Self::from_le_bytes(bytes)
            }

            fn write(&self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i8, i16, i32);

impl Code for bool {
    fn read(from: &mut &[u8]) -> Self {
        u8::read(from) & 1 == 1
    }

    fn write(&self, to: &mut Vec<u8>) {
        u8::from(*self).write(to);
    }
}

impl<T: Code, const N: usize> Code for [T; N] {
    fn read(from: &mut &[u8]) -> Self {
        std::array::from_fn(|_| T::read(from))
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.iter().for_each(|item| item.write(to));
    }
}

impl<T: Code> Code for Option<T> {
    fn read(from: &mut &[u8]) -> Self {
        bool::read(from).then(|| T::read(from))
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.is_some().write(to);
        self.iter().for_each(|item| item.write(to));
    }
}

impl<A: Code, B: Code> Code for (A, B) {
    fn read(from: &mut &[u8]) -> Self {
        (A::read(from), B::read(from))
    }

    fn write(&self, to: &mut Vec<u8>) {
        self.0.write(to);
        self.1.write(to);
    }
}

/// An enum that is written as one byte, which says which variant it is, and the fields. A field in parentheses has a name here, too.
macro_rules! coded {
    ($(
        $(#[$meta:meta])*
        pub enum $name:ident {$(
            $(#[$note:meta])*
            $variant:ident $(($inner:ident: $inner_type:ty))?
            $({ $($(#[$field_note:meta])* $field:ident: $type:ty,)* })?,
        )*}
    )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {$(
            $(#[$note])*
            $variant $(($inner_type))? $({ $($(#[$field_note])* $field: $type,)* })?,
        )*}

        impl $crate::code::Code for $name {
            fn read(from: &mut &[u8]) -> Self {
                const READERS: &[fn(&mut &[u8]) -> $name] = &[$(|_from| {
                    $(let $inner = <$inner_type as $crate::code::Code>::read(_from);)?
                    $($(let $field = <$type as $crate::code::Code>::read(_from);)*)?
                    $name::$variant $(($inner))? $({ $($field,)* })?
                },)*];
                READERS[usize::from(u8::read(from)) % READERS.len()](from)
            }

            fn write(&self, to: &mut Vec<u8>) {
                enum Tag {
                    $($variant,)*
                }
                match self {$(
                    Self::$variant $(($inner))? $({ $($field,)* })? => {
                        (Tag::$variant as u8).write(to);
                        $($inner.write(to);)?
                        $($($field.write(to);)*)?
                    }
                )*}
            }
        }
    )*};
}
pub(crate) use coded;
