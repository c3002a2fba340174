import Foundation

/// What tests do to a double from outside, under `/double/`. None of it is Waldur's.
struct AdminRoutes: Sendable {
    let state: DoubleState

    static let paths = [
        "clock", "monthly-task", "switch-plan", "terminate", "fixture", "dump", "latency", "faults",
        "prices", "worker", "daily-tasks", "close-invoice",
    ]

    /// Answers 404 for an unknown path and 400 with a reason for a body that does not fit.
    func answer(_ method: String, _ path: String, _ body: Data) -> Answer {
        do {
            let body = body.isEmpty ? Data("{}".utf8) : body
            switch (method, path) {
            case ("GET", "clock"): return .ok(time())
            case ("POST", "clock"): return try setClock(body)
            case ("POST", "monthly-task"):
                try change { model throws(Refusal) in try model.runMonthlyTask() }
                return .ok(time())
            case ("POST", "switch-plan"): return try switchPlan(body)
            case ("POST", "terminate"): return try terminate(body)
            case ("POST", "prices"): return try setPrices(body)
            case ("POST", "worker"): return try setWorker(body)
            case ("POST", "daily-tasks"): return try runDailyTasks(body)
            case ("POST", "close-invoice"): return try closeInvoice(body)
            case ("POST", "fixture"):
                try state.load(try JSONDecoder().decode(Fixture.self, from: body))
                return .ok([:])
            case ("GET", "dump"): return .ok(state.with(Dump.json))
            case ("POST", "latency"):
                let latency = try JSONDecoder().decode(Latency.self, from: body)
                state.with { $0.latency = latency }
                return .ok([:])
            case ("POST", "faults"):
                let faults = try JSONDecoder().decode([Fault].self, from: body)
                state.with { $0.faults = faults }
                return .ok([:])
            default: return Answer(status: 404, body: .json(["detail": "No such double route."]))
            }
        } catch let refusal as Refusal {
            return Answer(refusal)
        } catch {
            return Answer(status: 400, body: .json(["detail": .string("\(error)")]))
        }
    }

    private func time() -> JSON { ["now": .string(state.now.zulu)] }

    private func change(_ body: (inout WaldurModel) throws(Refusal) -> Void) throws(Refusal) {
        try state.with { content throws(Refusal) in
            content.model.begin(at: content.clock.now())
            try body(&content.model)
        }
    }

    private struct ClockRequest: Codable {
        var time: String?
        var ticking: Bool?
        var advance_seconds: Int64?
    }

    private func setClock(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(ClockRequest.self, from: body)
        if let text = request.time {
            guard let moment = Moment(text) else {
                throw FixtureError(description: "time '\(text)' is not ISO 8601 in UTC")
            }
            state.with { $0.clock.set(moment, ticking: request.ticking ?? false) }
        }
        if let seconds = request.advance_seconds {
            state.with { $0.clock.advance(micros: seconds &* Moment.second) }
        }
        return .ok(time())
    }

    private struct ResourceRequest: Codable {
        var resource: String
        var plan: String?
    }

    private func resource(_ name: String, in model: WaldurModel) throws(Refusal) -> Resource {
        guard
            let resource = model.resources[ID(name)]
                ?? model.resources.rows.first(where: { $0.name == name })
        else { throw .notFound("Resource") }
        return resource
    }

    /// Switches at once, without an order.
    private func switchPlan(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(ResourceRequest.self, from: body)
        try change { model throws(Refusal) in
            let resource = try resource(request.resource, in: model)
            let plan = model.plans(of: resource.offering).first {
                $0.id.hex == request.plan || $0.name == request.plan
            }
            guard let plan else { throw .notFound("Plan") }
            try model.switchPlan(of: resource.id, to: plan.id)
        }
        return .ok(time())
    }

    private func terminate(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(ResourceRequest.self, from: body)
        try change { model throws(Refusal) in
            model.terminate(try resource(request.resource, in: model).id)
        }
        return .ok(time())
    }

    private struct WorkerRequest: Codable {
        var delay_seconds: Int64?
        var run: Bool?
    }

    /// Says when the background worker comes to its work; without a delay only when `run` says so.
    private func setWorker(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(WorkerRequest.self, from: body)
        state.with { content in
            if request.run == true {
                content.work(at: content.clock.now(), all: true)
            } else {
                content.workerDelay = request.delay_seconds
            }
        }
        return .ok(time())
    }

    private struct DailyTasksRequest: Codable {
        var resources: Bool?
        var projects: Bool?
    }

    /// Asks for the termination of what has ended; both tasks by default.
    private func runDailyTasks(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(DailyTasksRequest.self, from: body)
        let both = request.resources == nil && request.projects == nil
        try change { model throws(Refusal) in
            model.runDailyTasks(
                resources: request.resources ?? both,
                projects: request.projects ?? both
            )
        }
        return .ok(time())
    }

    private struct InvoiceRequest: Codable {
        var customer: String
    }

    /// Closes a customer's invoice of this month, as staff may by hand.
    private func closeInvoice(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(InvoiceRequest.self, from: body)
        try change { model throws(Refusal) in
            let customer = model.customers.rows.first { customer in
                customer.id.hex == request.customer || customer.name == request.customer
            }
            let month = model.month(of: model.stamp())
            guard let invoice = customer.flatMap({ model.invoice(of: $0.id, in: month) }) else {
                throw .notFound("Invoice")
            }
            model.close(invoice)
        }
        return .ok(time())
    }

    private struct PricesRequest: Codable {
        var plan: String
        var prices: [String: String]
    }

    /// Announces prices as the provider's `update_prices` would.
    private func setPrices(_ body: Data) throws -> Answer {
        let request = try JSONDecoder().decode(PricesRequest.self, from: body)
        try change { model throws(Refusal) in
            guard
                let plan = model.plans.rows.first(where: {
                    $0.id.hex == request.plan || $0.name == request.plan
                })
            else { throw .notFound("Plan") }
            try model.updatePrices(plan, request.prices.compactMapValues { Decimal10($0) })
        }
        return .ok(time())
    }
}
