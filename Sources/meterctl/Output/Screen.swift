/// What text is drawn for: how wide it is, and whether it knows colours.
struct Screen: Equatable {
    /// Cells of a line; nil where there is no terminal, and lines are as long as they are.
    var width: Int?
    var hasColor = false

    /// A file or a pipe.
    static let none = Screen()

    func styled(_ text: String, _ style: Style?) -> String {
        guard hasColor, let style, !text.isEmpty else { return text }
        return "\u{1B}[\(style.code)m\(text)\u{1B}[0m"
    }
}

/// What colour says beside the words, never instead of them.
enum Style: Equatable {
    case heading
    case faint
    case good
    /// Worth a look.
    case attention
    case bad

    /// By a word that any verb uses for how something stands; nil for words that say nothing of that.
    init?(ofState word: String) {
        guard let style = Self.states.first(where: { $0.words.contains(word) })?.style else {
            return nil
        }
        self = style
    }

    private static let states: [(style: Style, words: Set<String>)] = [
        (
            .good,
            [
                "accepted", "closed", "confirmed", "ended", "equal", "good", "landed", "lands",
                "live",
                "ready", "reporting",
                "unchanged", "valid", "yes",
            ]
        ),
        (
            .attention,
            [
                "credit-request", "ending", "expired", "given-up", "held", "in-flight",
                "open", "retired",
                "revoked", "send", "shadow", "starting", "to-reassert", "unbound",
                "undecided", "unknown", "waits", "warning", "written-off",
            ]
        ),
        (
            .bad,
            [
                "conflict", "damaged", "differs", "error", "failing", "no", "quarantined",
                "refused", "unreachable",
            ]
        ),
    ]

    /// Of the escape sequence that selects it (ECMA-48, SGR): the terminal's own colours.
    var code: String {
        switch self {
        case .heading: "1"
        case .faint: "2"
        case .good: "32"
        case .attention: "33"
        case .bad: "31"
        }
    }
}
