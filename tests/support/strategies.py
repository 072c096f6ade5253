"""What properties are tried on, in several test modules; pytest puts this folder on the path."""

from hypothesis import strategies as st

# Every kind of code point: lone surrogates, bidi controls, zero-width characters, line breaks, marks, what looks like
# HTML, and Arabic.
odd_texts = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cf", "Cc", "Co"]),
        st.sampled_from("\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202d\u202e\u2066\u2069\ufeff\u0640 \r\n"),
        st.sampled_from('قال الوزير إن:"«»“”()[].؟<>&'),
    ),
    max_size=300,
)
