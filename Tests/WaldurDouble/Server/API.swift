/// Answers requests under `/api/`: finds the endpoint, the user and the time, and lets the handler
/// change the model.
struct API: Sendable {
    let state: DoubleState
    private let locks = TokenLocks()

    init(state: DoubleState) { self.state = state }

    /// `key` is what stands for `{uuid}`.
    func answer(_ request: APIRequest, at endpoint: Endpoint, key: String) async -> Answer {
        if !request.path.hasSuffix("/") {
            state.with { $0.calls += 1 }
            return Answer(status: 301, headers: [("Location", request.path + "/")])
        }
        let (fault, now) = state.with { content in
            content.calls += 1
            return (content.takeFault(request), content.clock.now())
        }
        let due = now.advanced(bySeconds: Int64(fault?.seconds ?? 3600))
        let run = { @Sendable in await self.run(request, endpoint, key) }
        switch fault?.kind {
        case .later:
            // Whoever asked may be gone by then; the call goes on without it.
            Task { await applyLater(request, fault, at: due, run) }
            return lost(until: due)
        case .hang where fault?.holdsToken == true:
            return await locked(request, endpoint) {
                if fault?.applies == true { _ = await run() }
                while state.now < due, !Task.isCancelled { await sleep(5) }
                return lost(until: due)
            }
        case .hang, .drop:
            if fault?.applies == true { _ = await locked(request, endpoint, run) }
            return lost(until: fault?.kind == .drop ? now : due)
        case .status, nil:
            return await locked(request, endpoint) {
                await pause(state.with { $0.latency.request })
                guard let fault else { return await run() }
                if fault.applies == true { _ = await run() }
                return answer(fault)
            }
        }
    }

    /// One request a token at a time. An unknown token needs no lock: it is turned away at once.
    private func locked(
        _ request: APIRequest,
        _ endpoint: Endpoint,
        _ body: () async -> Answer
    ) async -> Answer {
        guard !endpoint.isOpen else { return await body() }
        let token = request.authorization ?? ""
        await locks.acquire(token)
        let answer = await body()
        await locks.release(token)
        return answer
    }

    private func applyLater(
        _ request: APIRequest,
        _ fault: Fault?,
        at due: Moment,
        _ run: @escaping @Sendable () async -> Answer
    ) async {
        let token = request.authorization ?? ""
        let holds = fault?.holdsToken == true
        if holds { await locks.acquire(token) }
        while state.now < due { await sleep(5) }
        if !holds { await locks.acquire(token) }
        _ = await run()
        await locks.release(token)
    }

    private func run(_ request: APIRequest, _ endpoint: Endpoint, _ key: String) async -> Answer {
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
        return answer
    }

    private func begin(
        _ request: APIRequest,
        _ endpoint: Endpoint,
        _ key: String,
        in content: inout DoubleState.Content
    ) throws(Refusal) -> Call {
        let now = content.clock.now()
        content.work(at: now)
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
            let answer = try handler(&content.model, call)
            content.work(at: call.now)
            return answer
        } catch {
            if case .server(let reason) = error {
                content.model = before
                content.serverErrors.append(reason)
            }
            return Answer(error)
        }
    }

    private func lost(until due: Moment) -> Answer {
        Answer(status: 0, delivery: .lost(until: due))
    }

    private func answer(_ fault: Fault) -> Answer {
        var headers: [(name: String, value: String)] = []
        if let seconds = fault.retryAfter { headers.append(("Retry-After", String(seconds))) }
        let status = fault.status ?? 500
        return Answer(
            status: status,
            headers: headers,
            body: .html(Page.text("Injected fault (\(status))", ""))
        )
    }

    /// Lets time pass by the double's clock, which a test may hold.
    private func pause(_ milliseconds: Int?) async {
        guard let milliseconds, milliseconds > 0 else { return }
        let due = Moment(micros: state.now.micros + Int64(milliseconds) * 1000)
        while state.now < due { await sleep(min(milliseconds, 5)) }
    }

    /// A client that goes away does not stop its call: a real Waldur finishes it, too.
    private func sleep(_ milliseconds: Int) async {
        await Task { try? await Task.sleep(for: .milliseconds(milliseconds)) }.value
    }
}

extension DoubleState.Content {
    /// Lets the background worker do what is due, or, `all`, whatever waits.
    mutating func work(at now: Moment, all: Bool = false) {
        guard !model.work.isEmpty else { return }
        model.begin(at: now)
        let since: Moment? =
            all ? model.stamp() : workerDelay.map { model.stamp().advanced(bySeconds: -$0) }
        guard let since else { return }
        do throws(Refusal) {
            try model.work(since: since)
        } catch {
            serverErrors.append("background work: \(error)")
        }
    }
}
