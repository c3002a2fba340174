/// One thing that doctor looked at: how it is, and what to do about it.
struct Diagnosis: Equatable {
    /// From nothing to do to nothing works.
    enum Verdict: String, CaseIterable, Comparable {
        case good
        /// Worth knowing; nothing has to be done.
        case note
        /// Goes on for now; somebody should look at it soon.
        case warning
        /// Something does not work.
        case error
        /// Nobody answers, so that the rest cannot be asked.
        case unreachable
        case damaged

        /// Of several people say `2 warnings`, and `2 damaged`.
        var isCountable: Bool { self == .warning || self == .error }

        /// What the worst verdict means for the exit code.
        var status: ExitStatus {
            switch self {
            case .good, .note: .done
            case .warning: .precondition
            case .error: .failed
            case .unreachable: .unavailable
            case .damaged: .damage
            }
        }

        static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    /// What was looked at.
    let check: String
    let verdict: Verdict
    /// What was found.
    let detail: String
    /// A command or an action; empty where there is none to advise.
    let advice: String

    init(_ check: String, _ verdict: Verdict, _ detail: String, advice: String = "") {
        self.check = check
        self.verdict = verdict
        self.detail = detail
        self.advice = advice
    }
}
