import ts from 'typescript';

/**
 * A small change of a source file that its tests should notice.
 *
 * @typedef {object} Mutant
 * @property {string} file
 * @property {string} what was done
 * @property {number} start of what is replaced, in the file's text
 * @property {number} end
 * @property {string} replacement
 */

/** @type {Partial<Record<import('typescript').SyntaxKind, string>>} */
const COMPARISONS = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
  [ts.SyntaxKind.EqualsEqualsEqualsToken]: '!==',
  [ts.SyntaxKind.ExclamationEqualsEqualsToken]: '===',
};

/** @type {Partial<Record<import('typescript').SyntaxKind, string>>} */
const LOGICAL = {
  [ts.SyntaxKind.AmpersandAmpersandToken]: '||',
  [ts.SyntaxKind.BarBarToken]: '&&',
  [ts.SyntaxKind.QuestionQuestionToken]: '&&',
};

/**
 * All mutants of a file, in the order of its text. Types have none: they are gone when the code runs.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Mutant[]}
 */
export function mutantsOf(file, text) {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  /** @type {Mutant[]} */
  const mutants = [];
  visit(source);
  return mutants;

  /** @param {import('typescript').Node} node */
  function visit(node) {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return;
    mutate(node);
    ts.forEachChild(node, visit);
  }

  /** @param {import('typescript').Node} node */
  function mutate(node) {
    const condition = conditionOf(node);
    if (condition && !isEquality(condition) && !isBoolean(condition))
      replace(condition, 'negated a condition', `!(${condition.getText()})`);

    if (ts.isBinaryExpression(node)) mutateBinary(node);
    else if (isBoolean(node)) {
      replace(node, 'flipped a boolean', node.kind === ts.SyntaxKind.TrueKeyword ? 'false' : 'true');
    } else if (ts.isNumericLiteral(node) && !isName(node)) {
      replace(node, 'changed a number', String(Number(node.text) + 1));
    } else if (ts.isPropertyAccessExpression(node) && node.questionDotToken) {
      replace(node.questionDotToken, 'removed "?."', '.');
    } else if ((ts.isElementAccessExpression(node) || ts.isCallExpression(node)) && node.questionDotToken) {
      replace(node.questionDotToken, 'removed "?."', '');
    } else if (ts.isReturnStatement(node) && node.expression) {
      const { expression } = node;
      if (!isBoolean(expression) && !ts.isNumericLiteral(expression) && expression.getText() !== 'undefined')
        replace(expression, 'changed what is returned', 'undefined');
    } else if (isRemovable(node)) {
      replace(node, 'removed a statement', ';');
    }
  }

  /** @param {import('typescript').BinaryExpression} node */
  function mutateBinary(node) {
    const { left, operatorToken, right } = node;
    const { kind } = operatorToken;
    if (COMPARISONS[kind]) replace(operatorToken, 'changed a comparison', COMPARISONS[kind]);
    if (kind === ts.SyntaxKind.QuestionQuestionEqualsToken)
      replace(operatorToken, 'changed an operator', '=');
    if (LOGICAL[kind]) {
      // In parentheses: "??" may not stand beside another of them.
      const changed = `((${left.getText()}) ${LOGICAL[kind]} (${right.getText()}))`;
      replace(node, 'changed an operator', changed);
    }
  }

  /**
   * @param {import('typescript').Node} node
   * @param {string} what
   * @param {string} replacement
   */
  function replace(node, what, replacement) {
    mutants.push({ file, what, start: node.getStart(), end: node.end, replacement });
  }
}

/**
 * @param {import('typescript').Node} node
 * @returns {import('typescript').Expression | undefined} what decides where the code goes on
 */
function conditionOf(node) {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node) || ts.isDoStatement(node)) return node.expression;
  if (ts.isConditionalExpression(node) || ts.isForStatement(node)) return node.condition;
  return undefined;
}

/** @param {import('typescript').Node} node */
function isBoolean(node) {
  return node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword;
}

/** @param {import('typescript').NumericLiteral} node */
function isName(node) {
  return ts.isPropertyAssignment(node.parent) && node.parent.name === node;
}

/**
 * Its other comparison is its negation.
 *
 * @param {import('typescript').Node} node
 */
function isEquality(node) {
  if (!ts.isBinaryExpression(node)) return false;
  const { kind } = node.operatorToken;
  return (
    kind === ts.SyntaxKind.EqualsEqualsEqualsToken || kind === ts.SyntaxKind.ExclamationEqualsEqualsToken
  );
}

/**
 * Not the call of `super`: without it nothing can be constructed.
 *
 * @param {import('typescript').Node} node
 */
function isRemovable(node) {
  if (ts.isThrowStatement(node) || ts.isReturnStatement(node) || ts.isContinueStatement(node)) return true;
  if (!ts.isExpressionStatement(node)) return false;
  const { expression } = node;
  return !(ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword);
}
