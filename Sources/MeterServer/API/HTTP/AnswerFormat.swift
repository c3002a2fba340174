/// How a caller wants an answer: by `format=`, or else by its `Accept` header.
enum AnswerFormat: String, CaseIterable {
    case json, csv

    /// The parameter's name.
    static let parameter = "format"

    init(_ call: APICall) throws(Problem) {
        if let text = try call.query.one(Self.parameter) {
            guard let format = AnswerFormat(rawValue: text) else {
                throw .badQuery("`format` is json or csv.")
            }
            self = format
        } else {
            // JSON where nothing else is clearly preferred.
            let csv = Self.quality(of: "text/csv", in: call.accept)
            self = csv > Self.quality(of: "application/json", in: call.accept) ? .csv : .json
        }
    }

    /// How welcome a media type is, in thousandths, by the most specific range that has it.
    private static func quality(of type: String, in accept: String) -> Int {
        let wildcard = (type.split(separator: "/").first ?? "") + "/*"
        var best = (specificity: -1, quality: 0)
        for range in accept.split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.trimmingSpaces.lowercased() }
            let specificity: Int
            switch parts.first {
            case type: specificity = 2
            case String(wildcard): specificity = 1
            case "*/*": specificity = 0
            default: continue
            }
            let weight = parts.dropFirst().first { $0.hasPrefix("q=") }
                .flatMap { Double($0.dropFirst(2)) }
            let quality = weight.map { Int(min(max($0, 0), 1) * 1_000) } ?? 1_000
            if specificity > best.specificity { best = (specificity, quality) }
        }
        return best.quality
    }
}
