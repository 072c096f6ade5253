"""Label Studio: a server to annotate in, and the way of documents there and back.

- `home`: the folder in which a local server lives, and the account that is made for it.
- `server`: a local server in an environment of its own: up, down, status.
- `connection`: requests to a server, here or elsewhere, and what goes wrong with them in a sentence.
- `labelling`: the project: its labelling config and its instructions.
- `exchange`: stored documents as the server holds them, and back.
- `push`, `pull`: documents to the server, annotations from it.
- `preannotation`: the model's answers as predictions; `queue`: which task to open next; `backend`: the model at the
  server's call, while a task is opened.
- `review`: disagreements of annotators, decided in a page, back to the server.
"""
