import Testing

@testable import WaldurDouble

/// Sends recorded requests to a double and compares its answers.
struct Replay {
    let double: RunningDouble
    var correspondence = Correspondence()
    /// Every place where an answer was not as recorded.
    var differences: [String] = []

    init(_ double: RunningDouble) { self.double = double }

    /// Replays steps in order, with the clock put to the time of each recorded answer.
    ///
    /// `subset` names the steps of which only the members that the double answers are compared.
    mutating func run(
        _ steps: [Transcript.Step],
        file: String,
        subset: Set<String> = []
    ) async throws {
        for (index, step) in steps.enumerated() {
            if let time = step.time { double.setClock(time) }
            if step.method == "TASK" {
                // Clock settings show in the headers of the answers that follow.
                if step.target.contains("create_monthly_invoices") {
                    if let time = steps[index...].lazy.compactMap(\.time).first {
                        double.setClock(time)
                    }
                    _ = try await double.send("POST", "/double/monthly-task")
                }
                continue
            }
            var headers: [String: String] = [:]
            headers["Authorization"] = step.authorization
            var answer = try await double.send(
                step.method,
                correspondence.translated(step.target),
                body: step.body.map(correspondence.translated),
                headers: headers
            )
            // The recording client followed redirects, as a GET.
            if answer.status == 301, let target = answer.header("Location") {
                answer = try await double.send("GET", target, headers: headers)
            }
            compare(step, answer, place: "\(file) step \(index) (\(step.note))", subset: subset)
        }
        correspondence.checkOrderOfTimes()
        differences += correspondence.takeDifferences().map { "\(file) \($0)" }
    }

    private mutating func compare(
        _ step: Transcript.Step,
        _ answer: HTTPAnswer,
        place: String,
        subset: Set<String>
    ) {
        if step.status != answer.status {
            differences.append("\(place): status recorded \(step.status), here \(answer.status)")
        }
        for name in ["X-Result-Count", "Link", "Date", "WWW-Authenticate", "Content-Type"] {
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
            let compared = subset.contains(step.note) ? common(expected, actual) : expected
            correspondence.compare(compared, actual, at: place)
        } else if !answer.text.isEmpty {
            differences.append("\(place): recorded no body, here \(answer.text)")
        }
        differences += correspondence.takeDifferences()
    }

    /// The recorded answer cut to the members that the double gives.
    private func common(_ expected: JSON, _ actual: JSON) -> JSON {
        guard let mine = actual.members else { return expected }
        return .object(
            mine.map { member in
                .init(key: member.key, value: common(expected[member.key] ?? .null, member.value))
            }
        )
    }

    /// Records an issue for each difference, so that one run shows them all.
    func expectNoDifferences() {
        for difference in differences { Issue.record("\(difference)") }
    }
}
