internal import MeterWire

/// How a call ended, as answers and questions have it.
extension Outcome {
    var text: String {
        switch self {
        case .ok: "ok"
        case .error: "error"
        case .refused: "refused"
        case .cached: "cached"
        }
    }

    init?(text: String) {
        guard let outcome = Outcome.allCases.first(where: { $0.text == text }) else { return nil }
        self = outcome
    }
}
