import Testing

@testable import WaldurDouble

/// Sends recorded requests to a double and compares its answers.
struct Replay {
    /// What a recording does not tell by itself.
    struct Conditions {
        /// Steps before which the background worker has not come to what was left to it, by number.
        /// Before every other step it has.
        var beforeWorker: Set<Int> = []
        /// The clock before a step, where the recording has no `Date` headers.
        var clock: [Int: Moment] = [:]
        /// Tokens by account, where the recording does not show them.
        var tokens: [String: String] = [:]
        /// Secrets that signed a request, by customer, where they are not the customer's own.
        var wrongSecrets: Set<Int> = []
        /// How a step that looked into the database is compared.
        var dump: (@Sendable (JSON, RunningDouble, inout Correspondence) async throws -> [String])?
    }

    /// Members of which the double answers only those that bear on billing: what they hold beside them
    /// is the installation's own.
    static let partial: Set<String> = ["issuer_details", "customer_details", "WALDUR_CORE"]
    /// Paths whose whole answers are such.
    static let partialPaths = ["/api/configuration/", "/api/customers/", "service-providers/"]

    let double: RunningDouble
    var correspondence = Correspondence()
    /// Every place where an answer was not as recorded.
    var differences: [String] = []
    /// Rows of the pages of each list that was read in parts, and how many the list has.
    var pages: [String: (rows: [String], count: Int)] = [:]

    init(_ double: RunningDouble) { self.double = double }

    /// Replays steps in order, with the clock put to the time of each recorded answer.
    mutating func run(
        _ steps: [Transcript.Step],
        file: String,
        _ conditions: Conditions = Conditions()
    ) async throws {
        _ = try await double.send("POST", "/double/worker", body: "{}")
        for (index, step) in steps.enumerated() {
            if let time = conditions.clock[index] ?? step.time { double.setClock(time) }
            let place = "\(file) step \(index) (\(step.note))"
            switch step.method {
            case "TASK":
                try await runTask(step, before: steps[index...].lazy.compactMap(\.time).first)
            case "DUMP":
                if let dump = conditions.dump, let expected = step.answer {
                    differences += try await dump(expected, double, &correspondence)
                        .map { "\(place): \($0)" }
                    differences += correspondence.takeDifferences().map { "\(place): \($0)" }
                }
            default:
                if !conditions.beforeWorker.contains(index) {
                    _ = try await double.send("POST", "/double/worker", body: #"{"run":true}"#)
                }
                let answer = try await send(step, index, conditions)
                compare(step, answer, place: place)
            }
        }
        correspondence.checkOrderOfTimes()
        differences += correspondence.takeDifferences().map { "\(file) \($0)" }
    }

    private mutating func send(
        _ step: Transcript.Step,
        _ index: Int,
        _ conditions: Conditions
    ) async throws -> HTTPAnswer {
        var headers: [String: String] = [:]
        let token = conditions.tokens[step.who].map { "Token \($0)" }
        headers["Authorization"] = step.authorization ?? token
        var body = step.body.map(correspondence.translated)
        if step.target.contains("marketplace-public-api"), let given = body {
            body = signed(given, isWrong: conditions.wrongSecrets.contains(index))
        }
        let answer = try await double.send(
            step.method,
            correspondence.translated(step.target),
            body: body,
            headers: headers
        )
        // The recording client followed redirects, as a GET.
        if answer.status == 301, let target = answer.header("Location") {
            return try await double.send("GET", target, headers: headers)
        }
        return answer
    }

    /// Secrets are drawn anew by each server, so a signed payload is signed again.
    private func signed(_ body: String, isWrong: Bool) -> String {
        guard let json = try? JSONParser.parse(Array(body.utf8)),
            let customer = json["customer"]?.string,
            let payload = json["data"]?.string.flatMap(WebToken.unverifiedPayload)
        else { return body }
        let secret = double.state.with { $0.model.customers[ID(customer)]?.apiSecret } ?? ""
        let token = WebToken.sign(
            correspondence.translated(payload),
            secret: isWrong ? secret + "x" : secret
        )
        return JSON.object([
            .init(key: "customer", value: .string(customer)),
            .init(key: "data", value: .string(token)),
        ]).text
    }

    /// - Parameter next: The time of the next answer, which a task that took a while came close to.
    private mutating func runTask(_ step: Transcript.Step, before next: Moment?) async throws {
        let clock = /server clock set to (?<day>\d{4}-\d\d-\d\d) (?<time>\d\d:\d\d:\d\d) UTC/
        if let match = step.target.firstMatch(of: clock),
            let moment = Moment("\(match.output.day)T\(match.output.time)Z")
        {
            double.setClock(moment)
            return
        }
        let routes = [
            "create_monthly_invoices": ("monthly-task", "{}"),
            "terminate_expired_resources": ("daily-tasks", #"{"resources":true}"#),
            "project_end_date_has_been_reached": ("daily-tasks", #"{"projects":true}"#),
            "set_created() on Buyer Two": ("close-invoice", #"{"customer":"Buyer Two"}"#),
        ]
        guard let (path, body) = routes.first(where: { step.target.contains($0.key) })?.value else {
            return
        }
        if let next, next < double.state.now.advanced(bySeconds: 60) { double.setClock(next) }
        let answer = try await double.send("POST", "/double/\(path)", body: body)
        #expect(answer.status == 200)
    }

    private mutating func compare(_ step: Transcript.Step, _ answer: HTTPAnswer, place: String) {
        if step.status != answer.status {
            differences.append(
                "\(place): status recorded \(step.status), here \(answer.status) \(answer.text)"
            )
        }
        let isWithoutHeaders = step.headers.isEmpty
        let names = ["X-Result-Count", "Link", "Date", "WWW-Authenticate", "Content-Type"]
        for name in names where !isWithoutHeaders {
            switch (step.header(name), answer.header(name)) {
            case (nil, nil): break
            case (let expected?, let actual?):
                correspondence.compare(expected, actual, at: "\(place) \(name)")
            case (let expected, let actual):
                differences.append(
                    "\(place): \(name) recorded \(expected ?? "-"), here \(actual ?? "-")"
                )
            }
        }
        if let page = step.page {
            if page != answer.text { differences.append("\(place): page \(answer.text)") }
        } else if let expected = step.answer {
            let actual = answer.json ?? .string(answer.text)
            if isPartOfUnordered(step, expected) {
                comparePage(step, expected, actual, place: place)
            } else {
                let isPartial = Self.partialPaths.contains { step.target.contains($0) }
                correspondence.compare(common(expected, actual, isPartial), actual, at: place)
            }
        } else if !answer.text.isEmpty {
            differences.append("\(place): recorded no body, here \(answer.text)")
        }
        differences += correspondence.takeDifferences()
    }

    /// A page of a list without unique order holds any of its rows.
    private func isPartOfUnordered(_ step: Transcript.Step, _ expected: JSON) -> Bool {
        guard step.target.hasPrefix("/api/provider-invoice-items/"), let rows = expected.array,
            let count = step.header("X-Result-Count").flatMap({ Int($0) })
        else { return false }
        return rows.count < count
    }

    private mutating func comparePage(
        _ step: Transcript.Step,
        _ expected: JSON,
        _ actual: JSON,
        place: String
    ) {
        let (a, b) = (expected.array?.count ?? 0, actual.array?.count ?? 0)
        if a != b { differences.append("\(place): \(a) rows on the page, here \(b)") }
        let list = step.target.replacing(/&?page=\d+/, with: "")
        let count = step.header("X-Result-Count").flatMap { Int($0) } ?? 0
        let rows = (actual.array ?? []).map { $0["uuid"]?.string ?? "" }
        pages[list] = ((pages[list]?.rows ?? []) + rows, count)
    }

    /// The recorded answer cut to the members that the double gives, where it gives not all.
    private func common(_ expected: JSON, _ actual: JSON, _ isPartial: Bool) -> JSON {
        switch (expected, actual) {
        case (.object(let members), .object):
            let wanted = isPartial ? members.filter { actual[$0.key] != nil } : members
            return .object(
                wanted.map { member in
                    let partial = isPartial || Self.partial.contains(member.key)
                    let value = actual[member.key].map { common(member.value, $0, partial) }
                    return .init(key: member.key, value: value ?? member.value)
                }
            )
        case (.array(let a), .array(let b)) where a.count == b.count:
            return .array(zip(a, b).map { common($0, $1, isPartial) })
        default: return expected
        }
    }

    /// Records an issue for each difference, so that one run shows them all.
    func expectNoDifferences() {
        for difference in differences { Issue.record("\(difference)") }
    }
}
