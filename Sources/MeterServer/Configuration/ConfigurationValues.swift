internal import Configuration
internal import Synchronization
internal import SystemPackage

/// Every setting's text and where it came from: flags over environment over file over defaults.
struct ConfigurationValues: Sendable {
    struct Value: Sendable {
        let text: String
        /// `--udp`, `METER_UDP`, the file's path, or `default`.
        let origin: String
    }

    private let values: [String: Value]
    /// Every setting that there is: the fixed ones, and those of the Waldurs and accounts that the file names.
    let settings: [Setting]

    /// Collects the values.
    ///
    /// - Parameters:
    ///   - arguments: The flags, without the program's name and without a command.
    ///   - environment: The process's environment.
    /// - Throws: ``ConfigurationError`` for an unknown key, a flag without its value, or a file that
    ///   cannot be read.
    init(arguments: [String], environment: [String: String]) async throws {
        try Self.checkFlags(arguments)
        let variables = try Self.meterVariables(environment)
        let commandLine = CommandLineArgumentsProvider(arguments: ["MeterServer"] + arguments)
        let environmentVariables = EnvironmentVariablesProvider(environmentVariables: variables)
            .prefixKeys(with: "meter")
        var providers: [any ConfigProvider] = [commandLine, environmentVariables]

        let first = try await Self.read([Settings.config], from: providers, file: nil)
        let file = first[Settings.config.path]?.text
        var settings = Settings.all
        if let file {
            let (provider, named) = try await Self.provider(ofFile: file)
            providers.append(provider)
            settings += named
        }
        var read = try await Self.read(settings, from: providers, file: file)
        for setting in Settings.all {
            guard let variable = Self.aliases.first(where: { $0.setting.path == setting.path }),
                let value = read[setting.path], value.origin == setting.variable,
                environment[setting.variable] == nil
            else { continue }
            read[setting.path] = Value(text: value.text, origin: variable.name)
        }
        values = read
        self.settings = settings
    }

    /// The value, or nil where neither a place nor the default says anything.
    func value(_ setting: Setting) -> Value? {
        values[setting.path]
            ?? setting.fallback.map { Value(text: $0, origin: "default") }
    }

    /// An error that names the setting as the place that set it does.
    func error(_ setting: Setting, _ problem: String) -> ConfigurationError {
        let origin = values[setting.path]?.origin
        let key =
            origin.map { $0.hasPrefix("--") || !$0.contains("/") ? $0 : setting.path }
            ?? (Settings.all.contains { $0.path == setting.path } ? setting.flag : setting.path)
        let place = origin == key ? "" : origin.map { " (in \($0))" } ?? ""
        return ConfigurationError(key: key, problem: problem + place)
    }

    // MARK: - Places

    /// The names that the platform gives to what has a name of its own here.
    private static let aliases: [(name: String, setting: Setting)] = [
        ("WALDUR_API_URL", Settings.waldurURL),
        ("WALDUR_API_TOKEN", Settings.waldurToken),
        ("WALDUR_API_TOKEN_FILE", Settings.waldurTokenFile),
    ]

    private static func checkFlags(_ arguments: [String]) throws {
        let flags = Settings.all.filter { !$0.isSecret }
        var pending: Setting?
        var seen: Set<String> = []
        for argument in arguments {
            guard argument.hasPrefix("--") else {
                guard let setting = pending else {
                    throw ConfigurationError(
                        key: argument,
                        problem: "not a flag; see MeterServer --help"
                    )
                }
                if case .flag = setting.kind {
                    throw ConfigurationError(
                        key: argument,
                        problem: "\(setting.flag) takes no value; write \(setting.flag)=false"
                    )
                }
                pending = nil
                continue
            }
            if let setting = pending, !setting.kind.isFlag { throw missingValue(setting) }
            let name = String(argument.prefix { $0 != "=" })
            if let secret = Settings.all.first(where: { $0.isSecret && $0.flag == name }) {
                throw ConfigurationError(
                    key: secret.flag,
                    problem: "secrets are not taken from the command line; use a file"
                )
            }
            guard let setting = flags.first(where: { $0.flag == name }) else {
                throw ConfigurationError.unknown(
                    name,
                    in: "the command line",
                    among: flags.map(\.flag)
                )
            }
            guard seen.insert(name).inserted else {
                throw ConfigurationError(key: name, problem: "given twice")
            }
            pending = argument.contains("=") ? nil : setting
        }
        if let setting = pending, !setting.kind.isFlag { throw missingValue(setting) }
    }

    private static func missingValue(_ setting: Setting) -> ConfigurationError {
        ConfigurationError(key: setting.flag, problem: "needs a value")
    }

    /// The variables that name settings, aliases put under the settings' own names.
    private static func meterVariables(
        _ environment: [String: String]
    ) throws -> [String: String] {
        let known = Settings.all.map(\.variable)
        var variables: [String: String] = [:]
        for (name, value) in environment where name.hasPrefix("METER_") {
            if known.contains(name) {
                variables[name] = value
            } else if !isServiceLink(name) {
                throw ConfigurationError.unknown(name, in: "the environment", among: known)
            }
        }
        for alias in aliases where variables[alias.setting.variable] == nil {
            variables[alias.setting.variable] = environment[alias.name]
        }
        return variables
    }

    /// Kubernetes puts such variables into every container for a service called `meter` or `meter-…`;
    /// they are nobody's mistake.
    private static func isServiceLink(_ name: String) -> Bool {
        if name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_PORT") { return true }
        if name.contains("_SERVICE_PORT_") { return true }
        return name.split(separator: "_").adjacentPairs
            .contains { $0 == "PORT" && $1.allSatisfy(\.isNumber) }
    }

    /// The file's values, and the settings of Waldurs and accounts that it names.
    private static func provider(
        ofFile path: String
    ) async throws -> (any ConfigProvider, named: [Setting]) {
        let seen = Mutex<[String]>([])
        // The snapshot does not list its keys, but it asks of each of them whether it is a secret.
        let recorder: @Sendable (String, Void) -> Bool = { key, _ in
            seen.withLock { $0.append(key) }
            return false
        }
        let provider: FileProvider<YAMLSnapshot>
        do {
            provider = try await FileProvider<YAMLSnapshot>(
                parsingOptions: .init(secretsSpecifier: .dynamic(recorder)),
                filePath: FilePath(path)
            )
        } catch {
            throw ConfigurationError(key: path, problem: "cannot be read as settings: \(error)")
        }
        let known = Settings.all.filter { !$0.isSecret && $0.path != Settings.config.path }
            .map(\.path)
        var named: [Setting] = []
        for key in Set(seen.withLock({ $0 })).sorted() where !known.contains(key) {
            if let setting = WaldurSettings.setting(key) {
                named.append(setting)
                continue
            }
            if Settings.all.contains(where: { $0.isSecret && $0.path == key }) {
                throw ConfigurationError(
                    key: key,
                    problem: "secrets are not taken from \(path); name a file instead"
                )
            }
            throw ConfigurationError.unknown(key, in: path, among: known)
        }
        return (provider, named)
    }

    private static func read(
        _ settings: [Setting],
        from providers: [any ConfigProvider],
        file: String?
    ) async throws -> [String: Value] {
        let recorder = OriginRecorder()
        let reader = ConfigReader(providers: providers, accessReporter: recorder)
        var values: [String: Value] = [:]
        for setting in settings {
            let key = ConfigKey(setting.key)
            let text: String?
            do {
                if setting.kind.isFlag {
                    text = try await reader.fetchBool(forKey: key).map { $0 ? "true" : "false" }
                } else {
                    text = try await reader.fetchString(
                        forKey: key,
                        isSecret: setting.isSecret
                    )
                }
            } catch {
                throw ConfigurationError(
                    key: setting.path,
                    problem: setting.kind.isFlag
                        ? "needs true or false" : "needs one value without a comma"
                )
            }
            guard let text else { continue }
            let origin =
                switch recorder.provider {
                case 0: setting.flag
                case 1: setting.variable
                default: file ?? "file"
                }
            values[setting.path] = Value(text: text, origin: origin)
        }
        return values
    }
}

extension Collection {
    fileprivate var adjacentPairs: [(Element, Element)] { Array(zip(self, dropFirst())) }
}

extension Setting.Kind {
    fileprivate var isFlag: Bool {
        if case .flag = self { true } else { false }
    }
}

/// Remembers which place answered the last question.
private final class OriginRecorder: AccessReporter {
    private let last = Mutex(0)

    var provider: Int { last.withLock { $0 } }

    func report(_ event: AccessEvent) {
        let index = event.providerResults.firstIndex { result in
            if case .success(let lookup) = result.result { lookup.value != nil } else { false }
        }
        last.withLock { $0 = index ?? event.providerResults.count }
    }
}
