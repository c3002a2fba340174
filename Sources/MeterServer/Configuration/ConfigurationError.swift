internal import Meter

/// Why the configuration was refused: which key, where it was found, what to write instead.
///
/// The server exits with 78 (`EX_CONFIG`) and this line on standard error.
struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The flag, variable or line that is wrong.
    let key: String
    let problem: String

    var description: String { "\(key): \(problem)" }

    /// A key that no setting has, with the nearest one that does.
    static func unknown(_ key: String, in place: String, among known: [String]) -> Self {
        let hint = NearestName.of(key, among: known).map { "; did you mean \($0)?" } ?? ""
        return Self(key: key, problem: "no such setting in \(place)\(hint)")
    }
}
