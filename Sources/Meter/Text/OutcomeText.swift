package import MeterWire

/// How a call ended, as answers, questions and the book have it.
extension Outcome {
    package var text: String {
        switch self {
        case .ok: "ok"
        case .error: "error"
        case .refused: "refused"
        case .cached: "cached"
        }
    }

    package init?(text: String) {
        guard let outcome = Outcome.allCases.first(where: { $0.text == text }) else { return nil }
        self = outcome
    }
}
