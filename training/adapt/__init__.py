"""Adapt a base encoder to plain text, so that fine-tuning starts from one that knows the language of the news.

- `run`: the whole run, from the configuration to the adapted base; `config` has the fields.
- `text_files`: the articles of text files, and which of them are held out.
- `encoded_text`: all of them as sub-tokens, made once and kept on the disk.
- `text_stream`: an endless, shuffled stream of them.
- `packing`: from articles to full windows of whole words.
- `masking`: which words the model has to guess, and what it sees in their place.
- `masked_model`: the base with the loss of its guesses.
- `adaptation`: the base trained on the windows, step by step, with a report now and then.
- `progress`: how far a run is, as its checkpoints have it, so that one that was killed goes on.
"""
