import './base.css';
import './panel.css';
import './editor.css';
