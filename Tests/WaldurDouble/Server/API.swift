/// Answers requests under `/api/`: finds the endpoint, the user and the time, and lets the handler
/// change the model.
struct API: Sendable {
    let state: DoubleState
    private let locks = TokenLocks()

    init(state: DoubleState) { self.state = state }

    /// `key` is what stands for `{uuid}`.
    func answer(_ request: APIRequest, at endpoint: Endpoint, key: String) async -> Answer {
        state.with { $0.calls += 1 }
        if !request.path.hasSuffix("/") {
            return Answer(status: 301, headers: [("Location", request.path + "/")])
        }
        guard !endpoint.isOpen else { return await run(request, endpoint, key) }
        // An unknown token needs no lock: it is turned away at once.
        let token = request.authorization ?? ""
        await locks.acquire(token)
        let answer = await run(request, endpoint, key)
        await locks.release(token)
        return answer
    }

    private func run(_ request: APIRequest, _ endpoint: Endpoint, _ key: String) async -> Answer {
        await pause(state.with { $0.latency.request })
        let fault = state.with { takeFault(in: &$0, request) }
        if let fault, fault.applies != true { return answer(fault) }
        var answer: Answer
        do throws(Refusal) {
            let call = try state.with { content throws(Refusal) in
                try begin(request, endpoint, key, in: &content)
            }
            if let changes = endpoint.changes,
                let delay = state.with({ $0.latency.changedComponent })
            {
                let count = state.with { changes($0.model, call) }
                await pause(delay * count)
            }
            answer = state.with { handle(call, endpoint, in: &$0) }
        } catch {
            answer = Answer(error)
        }
        answer.headers.append(("Allow", endpoint.allow))
        if let fault { answer = self.answer(fault) }
        return answer
    }

    private func begin(
        _ request: APIRequest,
        _ endpoint: Endpoint,
        _ key: String,
        in content: inout DoubleState.Content
    ) throws(Refusal) -> Call {
        let now = content.clock.now()
        content.model.begin(at: now)
        let user = endpoint.isOpen ? nil : try content.model.authenticate(request, at: now)
        return Call(request: request, user: user, now: now, key: key)
    }

    /// A server error takes back all that the call wrote; every other refusal keeps it.
    private func handle(
        _ call: Call,
        _ endpoint: Endpoint,
        in content: inout DoubleState.Content
    ) -> Answer {
        let method = call.request.method
        if method == "OPTIONS" { return .ok([:]) }
        guard let handler = endpoint.handler(method) else {
            return Answer(.methodNotAllowed(method))
        }
        if method == "GET" || method == "HEAD" {
            // Readers change nothing; a copy for the roll-back would cost the next writer.
            do throws(Refusal) {
                return try handler(&content.model, call)
            } catch {
                return Answer(error)
            }
        }
        let before = content.model
        do throws(Refusal) {
            content.model.begin(at: call.now)
            return try handler(&content.model, call)
        } catch {
            if case .server(let reason) = error {
                content.model = before
                content.serverErrors.append(reason)
            }
            return Answer(error)
        }
    }

    private func takeFault(
        in content: inout DoubleState.Content,
        _ request: APIRequest
    ) -> Fault? {
        guard let place = content.faults.firstIndex(where: { request.path.contains($0.path) })
        else {
            return nil
        }
        let fault = content.faults[place]
        let left = (fault.count ?? 1) - 1
        if left > 0 {
            content.faults[place].count = left
        } else {
            content.faults.remove(at: place)
        }
        return fault
    }

    private func answer(_ fault: Fault) -> Answer {
        var headers: [(name: String, value: String)] = []
        if let seconds = fault.retryAfter { headers.append(("Retry-After", String(seconds))) }
        return Answer(
            status: fault.status,
            headers: headers,
            body: .html(Page.text("Injected fault (\(fault.status))", ""))
        )
    }

    /// A client that goes away does not stop its call: a real Waldur finishes it, too.
    private func pause(_ milliseconds: Int?) async {
        guard let milliseconds, milliseconds > 0 else { return }
        await Task { try? await Task.sleep(for: .milliseconds(milliseconds)) }.value
    }
}
