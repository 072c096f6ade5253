"""`aqwal serve`: the predictor behind HTTP, and a page for people.

A request takes a place in the queue, sends its body, waits for its turn, is answered and gives the place back:

- `limits`: how much a request may bring and how long it may take.
- `queue`: places for requests, and turns to compute; no place, no request.
- `gate`: before the application: a place and a body within the limits, or a refusal.
- `hosts`: the names by which the service may be called.
- `refusal`: why a request is not answered, told as JSON or on the page.
- `messages`: what is asked and answered, with examples, as OpenAPI shows it.
- `answering`: from documents to answers, in their turn and in time.
- `page`: the page at `/`.
- `accounting`: one line of log and a few numbers for each request, never its text.
- `app`: the routes. `server`: an address and a port, until SIGTERM. `logs`: JSON lines. `commands`: `aqwal serve`.
"""
